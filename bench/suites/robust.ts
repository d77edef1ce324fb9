import { trimmedMean } from '../../runtime/index.ts'
import type { Check, Suite } from '../report.ts'
import { round } from '../report.ts'
import { MEMBERS, PoisonedCluster } from '../robust/poisoned-cluster.ts'

/** Points of accuracy that a member that lies may cost. */
const POINTS = 2

/**
 * One of eight real workers gives garbage, its update with the sign turned, or a hundred times it, in every round: accuracy
 * of what was trained by a trimmed mean, against the mean of honest members; and what the mean makes of it.
 */
export const suite: Suite = async ({ say }) => {
  const cluster = await PoisonedCluster.start()
  const checks: Check[] = []
  const check = (name: string, value: number, bounds: Pick<Check, 'gate' | 'goal'> = {}) => {
    checks.push({ name, value: round(value), unit: '%', ...bounds })
    say(`${name}: ${value.toFixed(2)} %`)
  }
  try {
    const clean = await cluster.accuracyWith('honest', 'mean')
    const gate = `>= ${round(clean - POINTS)}`
    check('honest_mean', clean)
    check('honest_trimmed', await cluster.accuracyWith('honest', trimmedMean(1)), { gate })
    for (const poison of ['garbage', 'flipped', 'scaled'] as const) {
      check(`${poison}_trimmed`, await cluster.accuracyWith(poison, trimmedMean(1)), { gate })
      check(`${poison}_mean`, await cluster.accuracyWith(poison, 'mean'))
    }
  } finally {
    await cluster.stop()
  }
  return { checks, seed: 1, n: MEMBERS }
}
