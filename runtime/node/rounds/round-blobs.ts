import { type AividaError, type Clock, type Digest, type Logger, limit } from '../../base/index.ts'
import { type BlobContent, type BlobStore, fetchBlob, type OpenBlob, type OpenProvider } from '../../data/blob/index.ts'
import { type BlobRef, type Lease, type Signed, signedCodec } from '../../protocol/index.ts'
import { jobPin } from '../hosts/shard-tables.ts'

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
  readonly logger: Logger
  /** Under which name results are pinned until they are settled. */
  readonly keptAs: string
}

/** A blob that other members have. */
export interface SoughtBlob {
  readonly ref: BlobRef
  /** In order of preference. */
  readonly from: readonly string[]
}

/**
 * When a result is on the disk: before its receipt is given; soon after, so that no round waits for the disk - a process
 * that dies in between has lost this one round, as if it had died a moment earlier; or never, as it serves this one round.
 */
export type Lasting = 'now' | 'soon' | 'no'

/** How blobs are brought. */
export interface Bringing {
  readonly lease: Lease
  readonly grant: Signed | undefined
  readonly signal: AbortSignal
  /** A state: read piece by piece, so it goes to the disk. Default: to memory, unless all of them are large. */
  readonly onDisk?: boolean
  /** What is thrown instead where a blob does not come. */
  readonly told?: (error: unknown, sought: SoughtBlob) => unknown
}

/** Blobs under way at once. */
const AT_ONCE = 16
/** Of one shard, what goes to memory: beyond it updates wait on the disk. Bytes. */
const IN_MEMORY_BYTES = 64 << 20
/** A result up to this size is in memory first: the inner state of four million parameters. Bytes. */
const KEPT_IN_MEMORY_BYTES = 64 << 20

/** The blobs of rounds: what members give each other, and what they keep until their submitter says that it is settled. */
export class RoundBlobs {
  readonly #init: RoundBlobsInit
  /** Results on their way to the disk. */
  readonly #saving = new Map<Digest, Promise<void>>()

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
      while (next < missing.length) {
        const sought = missing[next++]!
        receivedBytes += await this.#fetch(sought, store, how).catch((error) => {
          throw how.told?.(error, sought) ?? error
        })
      }
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
    for (const ref of refs) await this.#discard(ref)
  }

  /** Keeps a result until it is settled. A large one is on the disk when this resolves. Throws `disk.*`, `aborted`. */
  async keep(content: BlobContent, sizeBytes: number, signal: AbortSignal, lasts: Lasting): Promise<BlobRef> {
    const { blobs, inputs } = this.#init
    if (lasts === 'now' || sizeBytes > KEPT_IN_MEMORY_BYTES) return blobs.put(content, { signal, pin: this.#pin() })
    const bytes = await collect(content)
    const ref = await inputs.put(bytes, { signal, pin: this.#pin() })
    if (lasts === 'soon' && inputs !== blobs) this.#save(ref, bytes)
    return ref
  }

  /** Writes what is in memory to the disk, and lets it go here. */
  #save(ref: BlobRef, bytes: readonly Uint8Array[]): void {
    const { blobs, logger } = this.#init
    const saving = blobs
      .put(bytes, { pin: this.#pin() })
      .then(() => this.#leaveMemory(ref))
      .catch((error) => logger.warn({ blob: ref.blob, error: String(error) }, 'a result stays in memory alone'))
      .finally(() => {
        if (this.#saving.get(ref.blob) === saving) this.#saving.delete(ref.blob)
      })
    this.#saving.set(ref.blob, saving)
  }

  /** What was kept in memory is of no use there any more: a long training would fill it. */
  async #leaveMemory({ blob }: Pick<BlobRef, 'blob'>): Promise<void> {
    const { inputs, keptAs } = this.#init
    await inputs.unpin(keptAs, blob)
    await this.#discard({ blob })
  }

  async #discard({ blob }: Pick<BlobRef, 'blob'>): Promise<void> {
    const { blobs, inputs } = this.#init
    if (inputs !== blobs) await inputs.discard(blob)
  }

  /** Resolves when what was kept so far is on the disk, as far as it lasts. */
  async saved(): Promise<void> {
    await Promise.all(this.#saving.values())
  }

  /** Keeps a result for as long again. Throws `blob.not-found`. */
  keepOn({ blob }: BlobRef): Promise<void> {
    return this.#storeOf(blob).pin([blob], this.#pin())
  }

  /** A result is settled. Never fails. */
  async drop(ref: BlobRef): Promise<void> {
    const { blobs, inputs, logger, keptAs } = this.#init
    await this.#saving.get(ref.blob)
    try {
      if (inputs.has(ref.blob)) await this.#leaveMemory(ref)
      if (blobs.has(ref.blob)) await blobs.unpin(keptAs, ref.blob)
    } catch (error) {
      logger.warn({ blob: ref.blob, error: String(error) }, 'a blob could not be let go')
    }
  }

  #pin() {
    const { clock, keptAs } = this.#init
    return { owner: keptAs, untilWallMs: Math.floor(clock.wallMs()) + limit('outputKeepMs') }
  }

  #storeOf(blob: Digest): BlobStore {
    const { blobs, inputs } = this.#init
    return inputs.has(blob) ? inputs : blobs
  }
}

async function collect(content: BlobContent): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of content instanceof Uint8Array ? [content] : content) pieces.push(piece)
  return pieces
}
