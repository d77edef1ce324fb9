import type { Life, Site } from './world.ts'

/** Something that will happen. */
export interface Scheduled {
  atMs: number
  /** Breaks ties: what was set first happens first. */
  order: number
  readonly fn: () => void
  readonly site: Site | undefined
  readonly life: Life | undefined
  isOff: boolean
}

/** What will happen, in order of time, then of setting: a binary heap. */
export class EventQueue {
  readonly #heap: Scheduled[] = []
  #order = 0

  /** The returned function calls it off. */
  add(atMs: number, fn: () => void, site?: Site, life?: Life): () => void {
    const scheduled: Scheduled = { atMs, order: this.#order++, fn, site, life, isOff: false }
    this.#push(scheduled)
    return () => {
      scheduled.isOff = true
    }
  }

  /** Puts something that was taken back, to happen now. */
  again(scheduled: Scheduled, nowMs: number): void {
    scheduled.atMs = nowMs
    scheduled.order = this.#order++
    this.#push(scheduled)
  }

  /** The next thing to happen, up to `untilMs`. */
  take(untilMs: number): Scheduled | undefined {
    const first = this.#heap[0]
    if (!first || first.atMs > untilMs) return undefined
    const last = this.#heap.pop()!
    if (last !== first) {
      this.#heap[0] = last
      this.#sink(0)
    }
    return first
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap
    let at = heap.push(scheduled) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, scheduled)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = scheduled
  }

  #sink(from: number): void {
    const heap = this.#heap
    const sinking = heap[from]!
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(sinking, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = sinking
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
