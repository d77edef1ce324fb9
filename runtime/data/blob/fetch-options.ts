import type { AividaError, Clock, Digest, Random } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import type { OpenProvider } from './provider.ts'
import type { BlobStore, Pin } from './store.ts'

/** What to fetch, from whom, and where to. */
export interface FetchOptions {
  readonly root: Digest
  /** Expected size, when known: a provider that says otherwise is passed over. Bytes. */
  readonly sizeBytes?: number
  /** In order of preference. */
  readonly providers: readonly OpenProvider[]
  /** Others that fetch the same blob and pass it on; then `providers` are only asked for what none of them has. */
  readonly coWorkers?: CoWorkers
  readonly store: BlobStore
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** Signed bytes of the grant to show. */
  readonly grant?: Uint8Array
  readonly pin?: Pin
  /** Providers asked at the same time. Default: 3. */
  readonly parallel?: number
  /** Hears of each provider that lied: `blob.wrong-chunk` or `blob.protocol`. */
  readonly offended?: (peer: string, error: AividaError) => void
}

/** Who else fetches a blob; a provider of {@link FetchOptions} names more of them as they come. */
export interface CoWorkers {
  /** Peers known from the start. */
  readonly known: readonly string[]
  readonly reach: (peer: string) => OpenProvider
  /** Everybody wants the chunks in another order. */
  readonly random: Random
}

/** How a fetch went. */
export interface FetchReport extends BlobRef {
  /** Bytes of content that came over the network; 0 when the blob was here. */
  readonly receivedBytes: number
  /** Providers that failed, in order; `blob.wrong-chunk` and `blob.protocol` are those that lied. */
  readonly dropped: readonly DroppedProvider[]
}

/** A provider that was given up, and why. */
export interface DroppedProvider {
  /** Absent when it could not be reached. */
  readonly peer?: string
  readonly error: AividaError
}
