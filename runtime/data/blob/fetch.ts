import { type AividaError, aborted, type Clock, type Digest, type Random } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { FetchAttempt } from './fetch-attempt.ts'
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

/**
 * Brings a blob here from whoever has it: takes up what an earlier attempt left, checks each chunk as it arrives,
 * shares the work over several providers, and drops those that fail or lie. With co-workers, what is here of it is passed
 * on while the rest arrives. What has arrived stays when the fetch fails, unless the disk is the reason.
 * Throws `blob.not-found` or `grant.*` when that is what every provider said, `blob.no-provider` otherwise (with the
 * reasons), `disk.budget`, `disk.full`, `blob.quota`, `aborted`.
 */
export async function fetchBlob(options: FetchOptions): Promise<FetchReport> {
  const { store, root, signal } = options
  const running = fetches.get(store) ?? new Map<Digest, Promise<unknown>>()
  fetches.set(store, running)
  for (;;) {
    if (signal?.aborted) throw aborted()
    if (store.has(root)) return present(options)
    const other = running.get(root)
    if (!other) break
    await settled(other, signal)
  }
  const fetching = new FetchAttempt(options).run()
  running.set(root, fetching)
  try {
    return await fetching
  } finally {
    running.delete(root)
  }
}

/** Fetches under way, so that a blob wanted twice travels once. */
const fetches = new WeakMap<BlobStore, Map<Digest, Promise<unknown>>>()

/** Resolves when another fetch has ended, however it did. Throws `aborted`. */
function settled(other: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(aborted())
    signal?.addEventListener('abort', stop, { once: true })
    const done = () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    other.then(done, done)
  })
}

/** A blob that is here already, pinned if asked. */
async function present({ store, root, pin }: FetchOptions): Promise<FetchReport> {
  if (pin) await store.pin([root], pin)
  return { blob: root, sizeBytes: store.sizeOf(root) ?? 0, receivedBytes: 0, dropped: [] }
}
