import { limit, type Random } from '../../base/index.ts'
import { packBits } from './bitmap.ts'

/** The least time a chunk may be on its way before an idle provider is asked for it too. */
export const SECOND_COPY_AFTER_MS = 2_000

/** A provider as a plan sees it. */
export interface PlanProvider {
  /** Chunks that are there; all, when absent. */
  readonly have?: Iterable<number>
  /**
   * Where the blob comes from, when others pass it on: asked for what none of them has, so that it sends little more
   * than one copy. Default: `false`.
   */
  readonly origin?: boolean
  /** An origin that chooses among the chunks it is shown. Default: `false`. */
  readonly chooses?: boolean
}

/** What to ask of a provider: one chunk, or any of those whose bits are set, counted from chunk `from`. */
export type ChunkOrder =
  | { readonly type: 'chunk'; readonly index: number }
  | { readonly type: 'any'; readonly from: number; readonly wanted: Uint8Array }

interface Source {
  /** `undefined`: all. */
  readonly have: Set<number> | undefined
  readonly origin: boolean
  readonly chooses: boolean
  /** Orders that were not answered. */
  open: number
  /** Since when the oldest of them is what the source works on. */
  busySinceMs: number
  /** Usual time from one answer to the next while it is busy; `undefined` before the first. */
  paceMs: number | undefined
  /** It chose nothing; it is shown a choice again after this. */
  restUntilMs: number
}

/** Orders under way with one provider hide this much silence between an answer and the next order. */
const AHEAD_MS = 200
const FIRST_ORDERS = 2
/** An origin that had nothing new is shown a choice again after this. */
const REST_MS = 500
/** A chunk is late when it takes this many times as long as its provider's usual one. */
const LATE_PACES = 4
/** Chunks looked at for the rarest one. */
const SCANNED = 4_096

/**
 * Which provider brings which chunk. Chunks are ordered one by one, so a fast provider takes more of them. Of what
 * co-workers have, the rarest comes first; the origin is asked for what none of them has, unless it is much faster or
 * they are late. When all is ordered, an idle provider is asked for a second copy of what is late. Pure: time is an
 * argument.
 */
export class ChunkPlan {
  readonly #count: number
  readonly #random: Random | undefined
  /** Wanted and not ordered, the next one last. */
  readonly #waiting: number[]
  readonly #isWaiting: Uint8Array
  readonly #asked = new Map<number, { readonly providers: Set<number>; readonly sinceMs: number }>()
  readonly #sources = new Map<number, Source>()
  /** Co-workers that have a chunk. */
  readonly #copies = new Map<number, number>()
  /** Since when an origin has held a chunk back because another reader was given it. */
  readonly #heldBackMs = new Map<number, number>()
  #changed = Promise.withResolvers<void>()

  /** `missing`: chunk indices in the order in which they are wanted, of a blob of `count`; any order with `random`. */
  constructor(count: number, missing: readonly number[], random?: Random) {
    this.#count = count
    this.#random = random
    this.#waiting = missing.toReversed()
    this.#isWaiting = new Uint8Array(count)
    for (const chunk of missing) this.#isWaiting[chunk] = 1
  }

  /** Whether every chunk has arrived. */
  get finished(): boolean {
    return this.#waiting.length === 0 && this.#asked.size === 0
  }

  /** A provider is there to be asked. */
  join(provider: number, { have, origin = false, chooses = false }: PlanProvider = {}): void {
    this.#sources.set(provider, {
      have: have && new Set<number>(),
      ...{ origin, chooses, open: 0, busySinceMs: 0, paceMs: undefined, restUntilMs: 0 },
    })
    if (have) this.note(provider, have)
    this.#notify()
  }

  /** More chunks are at a provider that has a part. */
  note(provider: number, chunks: Iterable<number>): void {
    const have = this.#sources.get(provider)?.have
    if (!have) return
    for (const chunk of chunks) {
      if (chunk >= this.#count || have.has(chunk)) continue
      have.add(chunk)
      this.#copies.set(chunk, (this.#copies.get(chunk) ?? 0) + 1)
    }
    this.#notify()
  }

  /** What to ask of a provider now, if anything: as much is under way as hides the pause between two answers. */
  order(provider: number, nowMs: number): ChunkOrder | undefined {
    const source = this.#sources.get(provider)
    if (!source || source.open >= this.#window(source)) return undefined
    const index = this.#claim(provider, source, nowMs)
    const order = index === undefined ? this.#choice(source, nowMs) : ({ type: 'chunk', index } as const)
    if (order && source.open++ === 0) source.busySinceMs = nowMs
    return order
  }

  /** The oldest order to a provider was answered with this chunk; until it is checked and kept, nobody else is asked. */
  answered(provider: number, chunk: number, nowMs: number): void {
    const source = this.#sources.get(provider)
    if (!source) return
    if (this.#isWaiting[chunk] === 1) {
      this.#take(this.#waiting.indexOf(chunk))
      this.#asked.set(chunk, { providers: new Set([provider]), sinceMs: nowMs })
    }
    const tookMs = nowMs - source.busySinceMs
    source.paceMs = source.paceMs === undefined ? tookMs : 0.7 * source.paceMs + 0.3 * tookMs
    source.open--
    source.busySinceMs = nowMs
    this.#notify()
  }

  /** The origin has given every chunk that its oldest order showed to other readers, who will pass them on. */
  heldBack(provider: number, chunks: Iterable<number>, nowMs: number): void {
    const source = this.#sources.get(provider)
    if (!source) return
    source.open--
    source.restUntilMs = nowMs + REST_MS
    for (const chunk of chunks) if (!this.#heldBackMs.has(chunk)) this.#heldBackMs.set(chunk, nowMs)
  }

  /** Whether this chunk has still to arrive. */
  isWanted(chunk: number): boolean {
    return this.#isWaiting[chunk] === 1 || this.#asked.has(chunk)
  }

  /** A chunk is here. */
  arrived(chunk: number): void {
    this.#asked.delete(chunk)
    this.#notify()
  }

  /** `provider` brings nothing more: what only it was asked for is handed out again. */
  release(provider: number): void {
    for (const chunk of this.#sources.get(provider)?.have ?? []) this.#copies.set(chunk, this.#copies.get(chunk)! - 1)
    this.#sources.delete(provider)
    for (const [chunk, { providers }] of this.#asked) {
      if (!providers.delete(provider) || providers.size > 0) continue
      this.#asked.delete(chunk)
      this.#waiting.push(chunk)
      this.#isWaiting[chunk] = 1
    }
    this.#notify()
  }

  /** Resolves when there may be something new to order, or nothing left to do. */
  changed(): Promise<void> {
    return this.#changed.promise
  }

  #notify(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  #window({ paceMs }: Source): number {
    if (paceMs === undefined) return FIRST_ORDERS
    return Math.min(limit('blobWindowChunks'), FIRST_ORDERS + Math.floor(AHEAD_MS / Math.max(paceMs, 1)))
  }

  #claim(provider: number, source: Source, nowMs: number): number | undefined {
    const at = this.#next(source, nowMs)
    if (at !== undefined) {
      const chunk = this.#take(at)
      this.#asked.set(chunk, { providers: new Set([provider]), sinceMs: nowMs })
      return chunk
    }
    if (source.open > 0) return undefined
    for (const [late, { providers, sinceMs }] of this.#asked) {
      if (providers.size > 1 || providers.has(provider) || source.have?.has(late) === false) continue
      if (nowMs - sinceMs < this.#patienceMs(providers)) continue
      providers.add(provider)
      return late
    }
    return undefined
  }

  /** Where in `#waiting` the next chunk for a source stands. */
  #next(source: Source, nowMs: number): number | undefined {
    const size = this.#waiting.length
    if (size === 0) return undefined
    if (!this.#random) return size - 1
    const start = Math.floor(this.#random.float() * size)
    const [patienceMs, fast] = [this.#patienceMs(this.#sources.keys()), source.origin && this.#outruns(source)]
    let [best, copies] = [undefined as number | undefined, Number.POSITIVE_INFINITY]
    for (let step = 0; step < Math.min(size, SCANNED); step++) {
      const at = (start + step) % size
      const chunk = this.#waiting[at]!
      const others = this.#copies.get(chunk) ?? 0
      if (source.have ? !source.have.has(chunk) : source.origin && !this.#isForOrigin(source, chunk, others, fast))
        continue
      const heldBackMs = this.#heldBackMs.get(chunk)
      if (source.chooses && others === 0 && !(heldBackMs !== undefined && nowMs - heldBackMs >= patienceMs)) continue
      if (others >= copies) continue
      best = at
      copies = others
    }
    return best
  }

  #isForOrigin(source: Source, chunk: number, others: number, fast: boolean): boolean {
    return others === 0 || (fast && this.#holders(chunk).every((holder) => holder === source || this.#isFull(holder)))
  }

  /** What an origin may choose from: chunks that nobody else has. */
  #choice(source: Source, nowMs: number): ChunkOrder | undefined {
    const size = this.#waiting.length
    if (!source.chooses || !this.#random || size === 0 || nowMs < source.restUntilMs) return undefined
    const isOffered = (chunk: number) => this.#isWaiting[chunk] === 1 && (this.#copies.get(chunk) ?? 0) === 0
    const start = Math.floor(this.#random.float() * size)
    for (let step = 0; step < Math.min(size, SCANNED); step++) {
      const chunk = this.#waiting[(start + step) % size]!
      if (!isOffered(chunk)) continue
      const room = limit('blobChoiceChunks')
      const from = chunk - (chunk % room)
      const wanted = packBits(Math.min(room, this.#count - from), (bit) => isOffered(from + bit))
      return { type: 'any', from, wanted }
    }
    return undefined
  }

  #holders(chunk: number): Source[] {
    return [...this.#sources.values()].filter(({ have }) => have?.has(chunk))
  }

  #isFull(source: Source): boolean {
    return source.open >= this.#window(source)
  }

  /** Whether an origin brings chunks at more than twice the pace of every co-worker: saving its line saves nothing. */
  #outruns({ paceMs }: Source): boolean {
    if (paceMs === undefined) return false
    return [...this.#sources.values()].every((other) => !other.have || (other.paceMs ?? 0) > 2 * paceMs)
  }

  #patienceMs(providers: Iterable<number>): number {
    const paces = (ids: Iterable<number>) => Array.from(ids, (id) => this.#sources.get(id)?.paceMs ?? 0)
    const known = Math.max(0, ...paces(providers))
    const paceMs = known > 0 ? known : Math.max(0, ...paces(this.#sources.keys()))
    return Math.min(Math.max(SECOND_COPY_AFTER_MS, LATE_PACES * paceMs), limit('blobReplyMs') / 2)
  }

  /** Takes what stands at `at` out of those that wait; their order matters only where the last one is taken. */
  #take(at: number): number {
    const chunk = this.#waiting[at]!
    const last = this.#waiting.pop()!
    if (at < this.#waiting.length) this.#waiting[at] = last
    this.#isWaiting[chunk] = 0
    return chunk
  }
}
