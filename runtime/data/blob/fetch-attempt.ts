import { AividaError, aborted, isAividaError, limit, peerError, sleep, toAividaError } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { wrongChunk } from './blob-errors.ts'
import { ChunkPlan, SECOND_COPY_AFTER_MS } from './chunk-plan.ts'
import type { DroppedProvider, FetchOptions, FetchReport } from './fetch.ts'
import { type Asked, type OpenProvider, Provider } from './provider.ts'
import type { PartialBlob } from './store.ts'
import type { BlobTree } from './tree.ts'

/** One attempt to bring a blob here; see {@link ./fetch.ts}. */
export class FetchAttempt {
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
    const partial = await store.partial(tree).catch((error: unknown) => {
      first.abort(toAividaError(error))
      throw error
    })
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
    const facts = { blob: root, reasons }
    if (code !== undefined && codes.size === 1 && /^(grant\.|blob\.not-found$)/.test(code))
      return peerError(code, `no provider gives blob ${root}: ${reasons[0]}`, facts)
    return new AividaError({
      code: 'blob.no-provider',
      category: 'peer',
      message: `blob ${root} could not be fetched from ${reasons.length} providers (${reasons.join('; ') || 'none was named'})`,
      retryable: true,
      facts,
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
