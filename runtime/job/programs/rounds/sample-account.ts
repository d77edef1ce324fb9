import { invariant } from '../../../base/index.ts'
import type { BatchRange } from '../../../protocol/index.ts'

/**
 * Which batches of a training may still be given out. Each is with one member at a time, and is back here or counted
 * after it: so each counts once, and a training ends with exactly its batches. Kept as ranges, lowest first.
 */
export class SampleAccount {
  #free: BatchRange[]

  /** All batches of a training: 0 to `batches`, exclusive. */
  constructor(batches: number) {
    this.#free = batches > 0 ? [{ from: 0, count: batches }] : []
  }

  /** Batches that are here. */
  get left(): number {
    return batchesIn(this.#free)
  }

  /** Gives the `count` lowest out, so that what came back goes first. There must be so many. */
  take(count: number): BatchRange[] {
    const taken: BatchRange[] = []
    for (let wanted = count; wanted > 0; ) {
      const first = this.#free.shift()
      invariant(first, `${count} batches were asked for, ${count - wanted} are left`)
      const size = Math.min(first.count, wanted)
      taken.push({ from: first.from, count: size })
      if (size < first.count) this.#free.unshift({ from: first.from + size, count: first.count - size })
      wanted -= size
    }
    return taken
  }

  /** Gives these out. They must all be here. */
  remove(ranges: readonly BatchRange[]): void {
    for (const { from, count } of ranges) {
      const at = this.#free.findIndex((free) => free.from <= from && from + count <= free.from + free.count)
      const home = this.#free[at]
      invariant(home, `batches ${from} to ${from + count} are with a member, or counted`)
      const rest = [
        { from: home.from, count: from - home.from },
        { from: from + count, count: home.from + home.count - from - count },
      ]
      this.#free.splice(at, 1, ...rest.filter((range) => range.count > 0))
    }
  }

  /** Takes batches back from a member that will not count. None of them may be here. */
  giveBack(ranges: readonly BatchRange[]): void {
    const free: BatchRange[] = []
    for (const range of [...this.#free, ...ranges].sort((a, b) => a.from - b.from)) {
      const last = free.at(-1)
      invariant(!last || last.from + last.count <= range.from, `batch ${range.from} was given back twice`)
      if (last && last.from + last.count === range.from)
        free[free.length - 1] = { ...last, count: last.count + range.count }
      else free.push({ ...range })
    }
    this.#free = free
  }
}

/** How many batches ranges have together. */
export function batchesIn(ranges: readonly BatchRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0)
}
