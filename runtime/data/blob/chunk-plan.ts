/** How long a chunk may be on its way before an idle provider is asked for it too. */
export const SECOND_COPY_AFTER_MS = 2_000

/**
 * Which provider brings which chunk. Chunks are handed out one by one, so a fast provider takes more of them; when all
 * are handed out, an idle provider takes a second copy of one that is late. Pure: time is an argument.
 */
export class ChunkPlan {
  readonly #waiting: number[]
  readonly #asked = new Map<number, { readonly providers: Set<number>; readonly sinceMs: number }>()
  #changed = Promise.withResolvers<void>()

  /** `missing`: chunk indices in the order in which they are wanted. */
  constructor(missing: readonly number[]) {
    this.#waiting = missing.toReversed()
  }

  /** Whether every chunk has arrived. */
  get finished(): boolean {
    return this.#waiting.length === 0 && this.#asked.size === 0
  }

  /** The next chunk for `provider` to bring; only an `idle` one is given what another is late with. */
  claim(provider: number, idle: boolean, nowMs: number): number | undefined {
    const chunk = this.#waiting.pop()
    if (chunk !== undefined) {
      this.#asked.set(chunk, { providers: new Set([provider]), sinceMs: nowMs })
      return chunk
    }
    if (!idle) return undefined
    for (const [late, { providers, sinceMs }] of this.#asked) {
      if (nowMs - sinceMs < SECOND_COPY_AFTER_MS || providers.size > 1 || providers.has(provider)) continue
      providers.add(provider)
      return late
    }
    return undefined
  }

  /** Whether this chunk has still to arrive. */
  isWanted(chunk: number): boolean {
    return this.#asked.has(chunk)
  }

  /** A chunk is here. */
  arrived(chunk: number): void {
    this.#asked.delete(chunk)
    this.#notify()
  }

  /** `provider` brings nothing more: what only it was asked for is handed out again. */
  release(provider: number): void {
    for (const [chunk, { providers }] of this.#asked) {
      if (!providers.delete(provider) || providers.size > 0) continue
      this.#asked.delete(chunk)
      this.#waiting.push(chunk)
    }
    this.#notify()
  }

  /** Resolves when there may be something new to claim, or nothing left to do. */
  changed(): Promise<void> {
    return this.#changed.promise
  }

  #notify(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
