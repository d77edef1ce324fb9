import { type Plan, withFaults } from './plan.ts'
import type { Outcome } from './simulate.ts'

/** The least that was found to break the same rule. */
export interface Shrunk {
  /** Indices of the faults that are needed. */
  readonly keep: readonly number[]
  readonly outcome: Outcome
}

const MAX_RUNS = 32

/**
 * Leaves faults out as long as the same rule is still broken: halves first, then single ones (ddmin, Zeller and
 * Hildebrandt 2002, without its complements). Chance is drawn by purpose, so what is left befalls as before.
 */
export async function shrink(plan: Plan, found: Outcome, run: (plan: Plan) => Promise<Outcome>): Promise<Shrunk> {
  let best: Shrunk = { keep: plan.faults.map((_, index) => index), outcome: found }
  let runs = 0
  for (
    let size = Math.ceil(best.keep.length / 2);
    size >= 1 && runs < MAX_RUNS;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < best.keep.length && runs < MAX_RUNS; ) {
      const keep = [...best.keep.slice(0, from), ...best.keep.slice(from + size)]
      const outcome = await run(withFaults(plan, keep))
      runs++
      if (outcome.violation?.rule === found.violation?.rule) best = { keep, outcome }
      else from += size
    }
  }
  return best
}
