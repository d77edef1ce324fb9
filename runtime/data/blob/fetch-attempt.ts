import { AividaError, aborted, isAividaError, limit, peerError, sleep, toAividaError } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { wrongChunk } from './blob-errors.ts'
import { ChunkPlan } from './chunk-plan.ts'
import type { DroppedProvider, FetchOptions, FetchReport } from './fetch-options.ts'
import { type Asked, type Opened, type OpenProvider, Provider } from './provider.ts'
import { Recruits } from './recruits.ts'
import type { PartialBlob } from './store.ts'
import type { BlobTree } from './tree.ts'

/** One attempt to bring a blob here; see {@link ./fetch.ts}. */
export class FetchAttempt {
  readonly #options: FetchOptions
  readonly #asked: Asked
  readonly #queue: Origin[]
  readonly #recruits = new Recruits()
  readonly #dropped: DroppedProvider[] = []
  /** Ends what is still under way: nothing more is wanted, or this side failed. */
  readonly #over = new AbortController()
  /** Resolves when the crew has changed: somebody left, or somebody new was named. */
  #crewChanged = Promise.withResolvers<void>()
  /** What failed on this side. */
  #ownError: unknown
  #receivedBytes = 0
  #progressMs: number
  #lanes = 0

  constructor(options: FetchOptions) {
    const { signal = NEVER, coWorkers, clock } = options
    this.#options = options
    this.#asked = { ...options, signal: AbortSignal.any([signal, this.#over.signal]), partial: coWorkers !== undefined }
    const tries = coWorkers ? ORIGIN_TRIES : 1
    this.#queue = options.providers.slice(0, limit('blobProviders')).map((open) => ({ open, tries, notBeforeMs: 0 }))
    this.#recruits.note(coWorkers?.known ?? [])
    this.#progressMs = clock.monoMs()
  }

  async run(): Promise<FetchReport> {
    const { store, pin } = this.#options
    const first = await this.#first()
    if (!first) throw this.#failure()
    const { provider, opened } = first
    let ref: BlobRef
    if (opened.content) {
      this.#receivedBytes = opened.content.byteLength
      await provider.end()
      ref = await store.put(opened.content, { ...(pin && { pin }) })
    } else {
      ref = await this.#assemble(opened.tree, first)
    }
    return { ...ref, receivedBytes: this.#receivedBytes, dropped: this.#dropped }
  }

  async #assemble(tree: BlobTree, first: First): Promise<BlobRef> {
    const { store, pin, coWorkers } = this.#options
    const partial = await store.partial(tree).catch((error: unknown) => {
      first.provider.abort(toAividaError(error))
      throw error
    })
    try {
      const plan = new ChunkPlan(tree.chunks.length, partial.missing(), coWorkers?.random)
      if (plan.finished) await first.provider.end()
      else await this.#gather({ plan, partial }, first)
      if (!plan.finished) throw this.#failure()
      return await partial.commit({ ...(pin && { pin }) })
    } catch (error) {
      if (isAividaError(error) && error.code.startsWith('disk.')) await partial.discard()
      else await partial.close()
      throw error
    }
  }

  /** Keeps providers and co-workers at work until every chunk is here, or nobody is left who could bring one. */
  async #gather(share: Share, first: First): Promise<void> {
    const { coWorkers, clock } = this.#options
    const { plan } = share
    const parallel = Math.max(1, Math.min(this.#options.parallel ?? DEFAULT_PARALLEL, share.partial.missing().length))
    const [origins, peers] = [new Set<Promise<void>>(), new Set<Promise<void>>()]
    const begin = (crew: Set<Promise<void>>, work: Promise<void>) => {
      crew.add(work)
      void work.finally(() => {
        crew.delete(work)
        this.#notifyCrew()
      })
    }
    begin(origins, this.#askOrigin(share, first.origin, first))
    while (!plan.finished && !this.#asked.signal.aborted) {
      const nowMs = clock.monoMs()
      while (origins.size < parallel) {
        const at = this.#queue.findIndex(({ notBeforeMs }) => notBeforeMs <= nowMs)
        if (at < 0) break
        begin(origins, this.#askOrigin(share, this.#queue.splice(at, 1)[0]!))
      }
      while (coWorkers && peers.size < limit('blobPeers')) {
        const peer = this.#recruits.next(nowMs, coWorkers.random.float())
        if (peer === undefined) break
        begin(peers, this.#askPeer(share, peer, coWorkers.reach(peer)))
      }
      const stalled = nowMs - this.#progressMs >= limit('blobReplyMs')
      const alone = origins.size + this.#queue.length === 0
      if (alone && (stalled || (peers.size === 0 && !this.#recruits.hopeful))) this.#over.abort()
      else await this.#pause(this.#crewChanged.promise)
    }
    await Promise.all([...origins, ...peers])
  }

  async #askOrigin(share: Share, origin: Origin, opened?: First): Promise<void> {
    const error = await this.#bring(share, origin.open, { origin: true }, opened)
    if (!error || --origin.tries <= 0 || /^(blob|grant)\./.test(error.code)) return
    origin.notBeforeMs = this.#options.clock.monoMs() + ORIGIN_PAUSE_MS
    this.#queue.push(origin)
  }

  async #askPeer(share: Share, peer: string, open: OpenProvider): Promise<void> {
    const error = await this.#bring(share, open, { origin: false })
    // One that has nothing yet, or was not granted the job yet, may help later.
    this.#recruits.ended(peer, error && isLie(error) ? 'never' : 'later', this.#options.clock.monoMs())
  }

  /** Has chunks brought by one provider until all are here; resolves with why it was given up before. */
  async #bring(
    share: Share,
    open: OpenProvider,
    kind: { origin: boolean },
    first?: First,
  ): Promise<AividaError | undefined> {
    const { plan, partial } = share
    const lane = this.#lanes++
    let provider = first?.provider
    try {
      provider ??= await Provider.reach(open, this.#asked)
      const { have, chooses } = first?.opened ?? (await provider.open(partial.tree))
      const origin = kind.origin && this.#options.coWorkers !== undefined
      // A co-worker that has everything is asked as any other of them: chunk by chunk, and counted.
      const held = kind.origin ? have : (have ?? partial.tree.chunks.keys())
      plan.join(lane, { origin, chooses: origin && chooses, ...(held && { have: held }) })
      await this.#pull(provider, { id: lane, isOrigin: kind.origin }, share)
      return undefined
    } catch (error) {
      const reason = toAividaError(error)
      this.#drop(reason, kind.origin || !/^(blob\.not-found$|grant\.)/.test(reason.code), provider)
      return reason
    } finally {
      plan.release(lane)
    }
  }

  async #pull(provider: Provider, lane: Lane, share: Share): Promise<void> {
    const gone = new AbortController()
    const ordering = this.#order(provider, lane.id, share.plan, gone.signal).catch((error: unknown) =>
      provider.abort(toAividaError(error)),
    )
    try {
      await this.#take(provider, lane, share)
    } finally {
      gone.abort()
      await ordering
    }
    if (provider.busy) provider.abort(aborted('the rest came from elsewhere'))
    else await provider.end()
  }

  /** Orders what the plan wants of a provider. */
  async #order(provider: Provider, lane: number, plan: ChunkPlan, gone: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!plan.finished && !gone.aborted) {
      const changed = plan.changed()
      const order = plan.order(lane, clock.monoMs())
      if (order) await provider.order(order)
      else await this.#pause(changed, gone)
    }
  }

  /** Takes what a provider sends until every chunk is here. */
  async #take(provider: Provider, lane: Lane, { plan, partial }: Share): Promise<void> {
    const { clock } = this.#options
    while (!plan.finished) {
      const message = await provider.next()
      const nowMs = clock.monoMs()
      switch (message.type) {
        case 'news':
          plan.note(lane.id, message.have)
          if (lane.isOrigin) this.#recruits.note(message.peers) // it has seen their grants
          this.#notifyCrew()
          break
        case 'none':
          plan.heldBack(lane.id, message.of, nowMs)
          break
        case 'chunk': {
          const { index, bytes } = message
          this.#receivedBytes += bytes.byteLength
          const wanted = plan.isWanted(index)
          plan.answered(lane.id, index, nowMs)
          if (!wanted) break
          await this.#keep(partial, index, bytes, provider)
          this.#progressMs = clock.monoMs()
          plan.arrived(index)
        }
      }
    }
    this.#over.abort()
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

  /** The first provider that opens the blob; `undefined` when there is none. */
  async #first(): Promise<First | undefined> {
    while (!this.#asked.signal.aborted) {
      const origin = this.#queue.shift()
      if (!origin) return undefined
      let provider: Provider | undefined
      try {
        provider = await Provider.reach(origin.open, this.#asked)
        return { origin, provider, opened: await provider.open() }
      } catch (error) {
        this.#drop(toAividaError(error), true, provider)
      }
    }
    return undefined
  }

  #drop(reason: AividaError, noted: boolean, provider?: Provider): void {
    provider?.abort(reason)
    if (this.#asked.signal.aborted) return
    if (noted && this.#dropped.length < limit('blobProviders'))
      this.#dropped.push({ ...(provider && { peer: provider.peer }), error: reason })
    if (provider && isLie(reason)) this.#options.offended?.(provider.peer, reason)
  }

  /** Waits for a change, or until something may have become late. */
  async #pause(changed: Promise<void>, gone: AbortSignal = NEVER): Promise<void> {
    const waiting = new AbortController()
    const signal = AbortSignal.any([this.#asked.signal, waiting.signal, gone])
    const late = sleep(this.#options.clock, LOOK_AGAIN_MS, signal).catch(() => {})
    await Promise.race([changed, late]).finally(() => waiting.abort())
  }

  #notifyCrew(): void {
    this.#crewChanged.resolve()
    this.#crewChanged = Promise.withResolvers()
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

/** Whether a provider broke its word, rather than its connection. */
function isLie({ code }: AividaError): boolean {
  return code === 'blob.wrong-chunk' || code === 'blob.protocol'
}

/** Where a blob comes from, and how often it is still tried. */
interface Origin {
  readonly open: OpenProvider
  tries: number
  notBeforeMs: number
}

/** The provider that told what the blob is made of. */
interface First {
  readonly origin: Origin
  readonly provider: Provider
  readonly opened: Opened
}

/** One provider's part of an attempt. */
interface Lane {
  readonly id: number
  readonly isOrigin: boolean
}

/** What all providers of an attempt work on. */
interface Share {
  readonly plan: ChunkPlan
  readonly partial: PartialBlob
}

const DEFAULT_PARALLEL = 3
/** With co-workers, an origin out of reach is tried again: they go on meanwhile. */
const ORIGIN_TRIES = 5
const ORIGIN_PAUSE_MS = 1_000
/** How often what only time changes is looked at. */
const LOOK_AGAIN_MS = 250
const NEVER = new AbortController().signal
