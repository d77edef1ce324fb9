import { AividaError, aborted, limit, sleep, toAividaError } from '../../base/index.ts'
import { Arrival } from './arrival.ts'
import { wrongChunk } from './blob-errors.ts'
import { ChunkSession } from './chunk-session.ts'
import type { FetchOptions } from './fetch-options.ts'
import type { Asked, OpenProvider } from './provider.ts'
import { type BlobTree, chunkDigest, chunkLength } from './tree.ts'

/** Which blob to read, and who has it. */
export interface LazyBlobOptions
  extends Pick<FetchOptions, 'root' | 'sizeBytes' | 'store' | 'clock' | 'signal' | 'pin' | 'offended'> {
  /** In order of preference; `blobProviders` of them are tried. */
  readonly providers: readonly OpenProvider[]
  /**
   * Reads the same bytes outside of the swarm, such as by a signed link to a store, so that providers give the hash tree
   * alone. What it gives is checked as all else. Once it fails, or lies, providers are asked for the rest.
   */
  readonly link?: (at: number, length: number) => Promise<Uint8Array>
  /** Hears why the link is not used any more. */
  readonly linkFailed?: (reason: AividaError) => void
  /** Signed bytes of the grant that holds now: a later connection may need a newer one. */
  readonly grant?: () => Uint8Array | undefined
}

/** A blob open for reading, of which only what is read comes here. */
export interface LazyBlob {
  /** What messages call it. */
  readonly name: string
  readonly sizeBytes: number
  /** Bytes of content that came over the network for this reader. */
  readonly receivedBytes: number
  /**
   * `length` bytes from `at`, fewer when it ends before. Chunks that are not here are brought, checked and kept.
   * Throws `blob.no-provider`, `blob.not-found`, `grant.*`, `disk.*`, `aborted`; a later call tries again.
   */
  read(at: number, length: number): Promise<Uint8Array>
  /** What is here stays, and is taken up by whoever reads the blob next. */
  close(): Promise<void>
}

/**
 * Opens a blob without fetching it: each chunk comes when it is first read, and stays. When all are here the blob is whole,
 * as if it had been fetched; until then it counts in full against the disk budget. Readers of one process share what comes.
 * Throws as {@link LazyBlob.read} does, and `blob.busy` while `fetchBlob` brings the same blob.
 */
export async function openLazyBlob(options: LazyBlobOptions): Promise<LazyBlob> {
  const { store, root } = options
  const session = new Sessions(options)
  if (!store.has(root)) {
    const arrival = await (Arrival.find(store, root) ?? session.begin())
    if (arrival) return lazyBlob(options, session, arrival)
  }
  const whole = await store.open(root, { verify: true })
  return lazyBlob(options, session, {
    tree: { root, sizeBytes: whole.sizeBytes, chunks: [] },
    chunk: (index) => whole.chunk(index),
    leave: () => whole.close(),
  })
}

function lazyBlob(
  { root, pin }: LazyBlobOptions,
  sessions: Sessions,
  arrival: Pick<Arrival, 'tree' | 'chunk' | 'leave'>,
): LazyBlob {
  const { tree } = arrival
  const chunkBytes = limit('chunkBytes')
  const bring = async (index: number) => (await sessions.linked(index, tree)) ?? sessions.chunk(index, tree)
  const chunk = (index: number) => arrival.chunk(index, () => bring(index), pin)
  return {
    name: `blob ${root}`,
    sizeBytes: tree.sizeBytes,
    get receivedBytes() {
      return sessions.receivedBytes
    },
    async read(at, length) {
      const end = Math.min(at + length, tree.sizeBytes)
      const [first, last] = [Math.floor(at / chunkBytes), Math.ceil(end / chunkBytes)]
      if (end <= at) return new Uint8Array()
      const found = await Promise.all(Array.from({ length: last - first }, (_, i) => chunk(first + i)))
      const joined = found.length === 1 ? found[0]! : Buffer.concat(found)
      return joined.subarray(at - first * chunkBytes, end - first * chunkBytes)
    },
    async close() {
      await sessions.close()
      await arrival.leave()
    },
  }
}

/** The connection to whichever provider works, made anew when it breaks. */
class Sessions {
  receivedBytes = 0
  readonly #options: LazyBlobOptions
  readonly #over = new AbortController()
  #session: Promise<ChunkSession> | undefined
  #isLinkGood = true
  /** Which provider is asked; the next one when it fails. */
  #at = 0

  constructor(options: LazyBlobOptions) {
    this.#options = options
  }

  /** Asks what the blob is made of; `undefined` when it was so small that it came whole. */
  async begin(): Promise<Arrival | undefined> {
    const { store, pin } = this.#options
    const { session, opened } = await this.#tried(async (reach) => {
      try {
        return await ChunkSession.open(reach, this.#asked())
      } catch (error) {
        this.#at++
        throw error
      }
    })
    if (opened.content) {
      this.receivedBytes += opened.content.byteLength
      await session.end()
      await store.put(opened.content, { ...(pin && { pin }) })
      return undefined
    }
    this.#session = Promise.resolve(session)
    return Arrival.begin(store, opened.tree)
  }

  /** A chunk from outside of the swarm, checked; `undefined` where there is no link, or none that works. */
  async linked(index: number, tree: BlobTree): Promise<Uint8Array | undefined> {
    const { link, linkFailed } = this.#options
    if (!link || !this.#isLinkGood) return undefined
    try {
      const chunk = await link(index * limit('chunkBytes'), chunkLength(tree.sizeBytes, index))
      if (chunkDigest(chunk) !== tree.chunks[index]) throw wrongChunk(tree.root, index, 'the link')
      this.receivedBytes += chunk.byteLength
      return chunk
    } catch (error) {
      if (this.#isLinkGood) linkFailed?.(toAividaError(error))
      this.#isLinkGood = false
      return undefined
    }
  }

  /** A chunk from whoever gives it, checked. */
  chunk(index: number, tree: BlobTree): Promise<Uint8Array> {
    return this.#tried(async (reach) => {
      this.#session ??= ChunkSession.open(reach, this.#asked(), tree).then(({ session }) => session)
      const used = this.#session
      try {
        return await this.#ask(await used, index, tree)
      } catch (error) {
        if (this.#session === used) {
          this.#session = undefined
          this.#at++
        }
        throw error
      }
    })
  }

  async close(): Promise<void> {
    this.#over.abort()
    const session = await this.#session?.catch(() => undefined)
    await session?.end()
  }

  async #ask(session: ChunkSession, index: number, tree: BlobTree): Promise<Uint8Array> {
    const chunk = await session.chunk(index)
    this.receivedBytes += chunk.byteLength
    if (chunkDigest(chunk) === tree.chunks[index]) return chunk
    const lie = wrongChunk(tree.root, index, session.peer)
    session.abort(lie)
    this.#options.offended?.(session.peer, lie)
    throw lie
  }

  #asked(): Asked {
    const { root, sizeBytes, clock, signal } = this.#options
    const grant = this.#options.grant?.()
    const ended = signal ? AbortSignal.any([signal, this.#over.signal]) : this.#over.signal
    return {
      root,
      clock,
      signal: ended,
      partial: false,
      ...(sizeBytes !== undefined && { sizeBytes }),
      ...(grant && { grant }),
    }
  }

  /** Tries provider after provider, all of them up to `ROUNDS` times, unless each says that it never will. */
  async #tried<T>(attempt: (reach: OpenProvider) => Promise<T>): Promise<T> {
    const { root, clock, signal } = this.#options
    const providers = this.#options.providers.slice(0, limit('blobProviders'))
    let reasons: AividaError[] = []
    for (let round = 0; round < ROUNDS && providers.length > 0; round++) {
      if (round > 0) await sleep(clock, ROUND_PAUSE_MS, signal)
      reasons = []
      for (let i = 0; i < providers.length; i++) {
        if (this.#over.signal.aborted || signal?.aborted) throw aborted()
        try {
          return await attempt(providers[this.#at % providers.length]!)
        } catch (error) {
          reasons.push(toAividaError(error))
        }
      }
      if (this.#over.signal.aborted || signal?.aborted) throw aborted()
      if (reasons.every(({ code }) => FINAL.test(code))) break
    }
    const [first] = reasons
    if (first && reasons.every(({ code }) => code === first.code && FINAL.test(code))) throw first
    throw new AividaError({
      code: 'blob.no-provider',
      category: 'peer',
      message:
        `no provider gives blob ${root}: ${reasons.map(({ message }) => message).join('; ') || 'none is known'}; ` +
        'see that its submitter is running and connected',
      retryable: true,
      facts: { blob: root },
    })
  }
}

/** What asking again does not change. */
const FINAL = /^(grant\.|blob\.not-found$)/
const ROUNDS = 5
const ROUND_PAUSE_MS = 1_000
