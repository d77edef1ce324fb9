import {
  AividaError,
  aborted,
  type Clock,
  type Digest,
  isAividaError,
  limit,
  peerError,
  sleep,
  toAividaError,
} from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { ChunkPlan, SECOND_COPY_AFTER_MS } from './chunk-plan.ts'
import { wrongChunk } from './partial-blob.ts'
import { type Asked, type OpenProvider, Provider } from './provider.ts'
import type { BlobStore, PartialBlob, Pin } from './store.ts'
import type { BlobTree } from './tree.ts'

/** What to fetch, from whom, and where to. */
export interface FetchOptions {
  readonly root: Digest
  /** Expected size, when known: a provider that says otherwise is passed over. Bytes. */
  readonly sizeBytes?: number
  /** In order of preference. */
  readonly providers: readonly OpenProvider[]
  readonly store: BlobStore
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** Signed bytes of the grant to show. */
  readonly grant?: Uint8Array
  readonly pin?: Pin
  /** Providers asked at the same time. Default: 3. */
  readonly parallel?: number
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
 * Brings a blob here from whoever has it: takes up what an earlier attempt left, checks each chunk as it arrives, shares
 * the work over several providers, and drops those that fail or lie. What has arrived stays when the fetch fails, unless
 * the disk is the reason.
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
  const fetching = new Fetch(options).run()
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

class Fetch {
  readonly #options: FetchOptions
  readonly #asked: Asked
  readonly #queue: OpenProvider[]
  readonly #dropped: DroppedProvider[] = []
  /** Ends what is still under way: nothing more is wanted, or this side failed. */
  readonly #over = new AbortController()
  /** What failed on this side. */
  #ownError: unknown
  #receivedBytes = 0

  constructor(options: FetchOptions) {
    const { signal = NEVER } = options
    this.#options = options
    this.#asked = { ...options, signal: AbortSignal.any([signal, this.#over.signal]) }
    this.#queue = options.providers.slice(0, limit('blobProviders'))
  }

  async run(): Promise<FetchReport> {
    const { store, pin } = this.#options
    const first = await this.#next()
    if (!first) throw this.#failure()
    const { provider, tree, content } = first
    let ref: BlobRef
    if (content) {
      this.#receivedBytes = content.byteLength
      await provider.end()
      ref = await store.put(content, { ...(pin && { pin }) })
    } else {
      ref = await this.#assemble(tree, provider)
    }
    return { ...ref, receivedBytes: this.#receivedBytes, dropped: this.#dropped }
  }

  async #assemble(tree: BlobTree, first: Provider): Promise<BlobRef> {
    const { store, pin, parallel = DEFAULT_PARALLEL } = this.#options
    const partial = await store.partial(tree)
    try {
      const missing = partial.missing()
      const plan = new ChunkPlan(missing)
      const lanes = Math.max(1, Math.min(parallel, missing.length, this.#queue.length + 1))
      const window = Math.min(limit('blobWindowChunks'), Math.ceil(missing.length / lanes))
      const work = (lane: number) => this.#runLane({ lane, window, plan, partial }, lane === 0 ? first : undefined)
      await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)))
      if (!plan.finished) throw this.#failure()
      return await partial.commit({ ...(pin && { pin }) })
    } catch (error) {
      if (isAividaError(error) && error.code.startsWith('disk.')) await partial.discard()
      else await partial.close()
      throw error
    }
  }

  /** One provider after the other, until every chunk is here or no provider is left. */
  async #runLane(share: Share, first?: Provider): Promise<void> {
    const { plan, partial, lane } = share
    for (let provider = first; !plan.finished; provider = undefined) {
      provider ??= (await this.#next(partial.tree))?.provider
      if (!provider) return
      try {
        await this.#pull(provider, share)
      } catch (error) {
        this.#drop(error, provider)
        plan.release(lane)
      }
    }
  }

  /** Has chunks brought by one provider, several on their way at a time, until none is left to bring. */
  async #pull(provider: Provider, { plan, partial, lane, window }: Share): Promise<void> {
    const { clock } = this.#options
    const asked: number[] = []
    while (!plan.finished) {
      while (asked.length < window) {
        const chunk = plan.claim(lane, asked.length === 0, clock.monoMs())
        if (chunk === undefined) break
        asked.push(chunk)
        await provider.ask(chunk)
      }
      const chunk = asked.shift()
      if (chunk === undefined) {
        await this.#untilChanged(plan)
        continue
      }
      const bytes = await provider.answer(chunk)
      this.#receivedBytes += bytes.byteLength
      if (!plan.isWanted(chunk)) continue
      await this.#keep(partial, chunk, bytes, provider)
      plan.arrived(chunk)
    }
    this.#over.abort()
    if (asked.length === 0) await provider.end()
    else provider.abort(aborted('the rest came from elsewhere'))
  }

  async #keep(partial: PartialBlob, chunk: number, bytes: Uint8Array, provider: Provider): Promise<void> {
    try {
      await partial.write(chunk, bytes)
    } catch (error) {
      if (isAividaError(error, 'blob.wrong-chunk')) throw wrongChunk(partial.tree.root, chunk, provider.peer)
      this.#ownError ??= error
      this.#over.abort()
      throw error
    }
  }

  /** The next provider that opens the blob; `undefined` when there is none, or no need for one any more. */
  async #next(known?: BlobTree) {
    while (!this.#asked.signal.aborted) {
      const open = this.#queue.shift()
      if (!open) return undefined
      let provider: Provider | undefined
      try {
        provider = await Provider.reach(open, this.#asked)
        return { provider, ...(await provider.open(known)) }
      } catch (error) {
        this.#drop(error, provider)
      }
    }
    return undefined
  }

  #drop(error: unknown, provider?: Provider): void {
    const reason = toAividaError(error)
    provider?.abort(reason)
    if (!this.#asked.signal.aborted) this.#dropped.push({ ...(provider && { peer: provider.peer }), error: reason })
  }

  /** Waits for work to be handed back, or for a chunk to be late enough to be asked of a second provider. */
  async #untilChanged(plan: ChunkPlan): Promise<void> {
    const waiting = new AbortController()
    const signal = AbortSignal.any([this.#asked.signal, waiting.signal])
    await Promise.race([plan.changed(), sleep(this.#options.clock, SECOND_COPY_AFTER_MS, signal)]).finally(() =>
      waiting.abort(),
    )
  }

  /** Why the blob is not here. */
  #failure(): unknown {
    if (this.#ownError !== undefined) return this.#ownError
    if (this.#options.signal?.aborted) return aborted()
    const { root } = this.#options
    const codes = new Set(this.#dropped.map(({ error }) => error.code))
    const [code] = codes
    const reasons = this.#dropped.map(({ peer, error }) => `${peer ?? 'unreachable'}: ${error.message}`)
    const details = { blob: root, reasons }
    if (code !== undefined && codes.size === 1 && /^(grant\.|blob\.not-found$)/.test(code))
      return peerError(code, `no provider gives blob ${root}: ${reasons[0]}`, details)
    return new AividaError({
      code: 'blob.no-provider',
      category: 'peer',
      message: `blob ${root} could not be fetched from ${reasons.length} providers (${reasons.join('; ') || 'none was named'})`,
      retryable: true,
      details,
    })
  }
}

/** What one provider at a time has to do. */
interface Share {
  readonly lane: number
  /** Chunks asked for ahead. */
  readonly window: number
  readonly plan: ChunkPlan
  readonly partial: PartialBlob
}

const DEFAULT_PARALLEL = 3
const NEVER = new AbortController().signal

/** A blob that is here already, pinned if asked. */
async function present({ store, root, pin }: FetchOptions): Promise<FetchReport> {
  if (pin) await store.pin([root], pin)
  return { blob: root, sizeBytes: store.sizeOf(root) ?? 0, receivedBytes: 0, dropped: [] }
}
