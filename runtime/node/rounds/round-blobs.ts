import { type AividaError, type Clock, type Digest, limit } from '../../base/index.ts'
import { type BlobContent, type BlobStore, fetchBlob, type OpenBlob, type OpenProvider } from '../../data/blob/index.ts'
import { type BlobRef, type Lease, type Signed, signedCodec } from '../../protocol/index.ts'
import { jobPin } from '../shard-tables.ts'

/** What {@link RoundBlobs} need. */
export interface RoundBlobsInit {
  readonly self: string
  readonly clock: Clock
  /** What has to outlive this process. */
  readonly blobs: BlobStore
  /** What others made, until it is applied: in memory. */
  readonly inputs: BlobStore
  /** Opens a blob stream to a peer. */
  readonly provider: (peer: string) => OpenProvider
  /** Hears of a provider that lied. */
  readonly offended: (peer: string, error: AividaError) => void
  /** Under which name results are pinned until they are settled. */
  readonly keptAs: string
}

/** A blob that other members have. */
export interface SoughtBlob {
  readonly ref: BlobRef
  /** In order of preference. */
  readonly from: readonly string[]
}

/** How blobs are brought. */
export interface Bringing {
  readonly lease: Lease
  readonly grant: Signed | undefined
  readonly signal: AbortSignal
  /** A state: read piece by piece, so it goes to the disk. Default: to memory, unless all of them are large. */
  readonly onDisk?: boolean
}

/** Blobs under way at once. */
const AT_ONCE = 16
/** Of one shard, what goes to memory: beyond it updates wait on the disk. Bytes. */
const IN_MEMORY_BYTES = 64 << 20

/** The blobs of rounds: what members give each other, and what they keep until their submitter says that it is settled. */
export class RoundBlobs {
  readonly #init: RoundBlobsInit

  constructor(init: RoundBlobsInit) {
    this.#init = init
  }

  has({ blob }: BlobRef): boolean {
    return this.#init.blobs.has(blob) || this.#init.inputs.has(blob)
  }

  /** Brings blobs here that are not, several at a time; gives the bytes that came. Throws `blob.*`, `grant.*`, `disk.*`, `aborted`. */
  async bring(sought: readonly SoughtBlob[], how: Bringing): Promise<number> {
    const missing = sought.filter(({ ref }) => !this.#init.blobs.has(ref.blob))
    const sizeBytes = missing.reduce((sum, { ref }) => sum + ref.sizeBytes, 0)
    const { blobs, inputs } = this.#init
    const store = (how.onDisk ?? sizeBytes > IN_MEMORY_BYTES) ? blobs : inputs
    let [next, receivedBytes] = [0, 0]
    const lane = async () => {
      while (next < missing.length) receivedBytes += await this.#fetch(missing[next++]!, store, how)
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing.length) }, lane))
    return receivedBytes
  }

  async #fetch({ ref, from }: SoughtBlob, store: BlobStore, { lease, grant, signal }: Bringing): Promise<number> {
    const { self, clock, provider, offended } = this.#init
    const { receivedBytes } = await fetchBlob({
      root: ref.blob,
      sizeBytes: ref.sizeBytes,
      providers: [...new Set(from)].filter((peer) => peer !== self).map(provider),
      ...{ store, clock, signal, offended },
      pin: jobPin(lease, clock),
      ...(grant && { grant: signedCodec.encode(grant) }),
    })
    return receivedBytes
  }

  /** Throws `blob.not-found`, `disk.*`. */
  read(blob: Digest): Promise<Uint8Array> {
    return this.#storeOf(blob).readAll(blob)
  }

  /** Throws `blob.not-found`, `disk.*`. */
  open(blob: Digest): Promise<OpenBlob> {
    return this.#storeOf(blob).open(blob)
  }

  /** What was brought for a job's shard is of no more use to it. */
  async letGo(job: string, refs: readonly BlobRef[]): Promise<void> {
    const { blobs, inputs } = this.#init
    for (const store of [inputs, blobs]) {
      const pinned = new Set(store.pinned(job).roots)
      for (const { blob } of refs) if (pinned.has(blob)) await store.unpin(job, blob)
    }
  }

  /** Keeps a result durably until it is settled. Throws `disk.*`, `aborted`. */
  keep(content: BlobContent, signal: AbortSignal): Promise<BlobRef> {
    const { blobs, clock, keptAs } = this.#init
    const untilWallMs = Math.floor(clock.wallMs()) + limit('outputKeepMs')
    return blobs.put(content, { signal, pin: { owner: keptAs, untilWallMs } })
  }

  #storeOf(blob: Digest): BlobStore {
    const { blobs, inputs } = this.#init
    return inputs.has(blob) ? inputs : blobs
  }
}
