import { type Check, round, type SuiteOptions } from '../report.ts'
import type { Recipe } from './recipe.ts'
import { type Compared, SEEDS } from './recipes.ts'
import { trainOverSwarm } from './swarm.ts'
import { stateOf } from './train.ts'

/** Rounds that are enough to count bytes by: data come while the first are computed. */
const ROUNDS = 12
/** Of the text: so few that all of it is with everybody soon, and its windows are shuffled as a whole. */
const CHARACTERS = 20_000

/**
 * What a round of each recipe costs on the wire between real nodes, and whether they come to the very bits of the same rounds
 * in one process.
 */
export async function swarmChecks(
  compared: readonly Compared[],
  bounds: Readonly<Record<string, Pick<Check, 'gate' | 'goal'>>>,
  { say }: Pick<SuiteOptions, 'say'>,
): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, local } of compared) {
    const { localSteps } = local.rounds!
    const recipe: Recipe = { ...local, steps: ROUNDS * localSteps, seed: SEEDS[0], characters: CHARACTERS }
    const swarm = await trainOverSwarm(recipe)
    say(
      `${name} over ${local.workers} workers: ${Math.round(swarm.workerBytes)} bytes a round and worker, ${Math.round(swarm.submitterBytes)} of the submitter`,
    )
    const ring = ((4 * (local.workers - 1)) / local.workers) * 4 * swarm.parameters * localSteps
    const reduction = `${name}_wire_reduction`
    checks.push(
      { name: reduction, value: round(ring / swarm.workerBytes), unit: 'x', ...bounds[reduction] },
      { name: `${name}_submitter_bytes`, value: round(swarm.submitterBytes), unit: 'bytes a round' },
    )
    const expected = Object.entries(await stateOf(recipe))
    const same = expected.filter(([tensor, { data }]) => Buffer.compare(data, swarm.state[tensor]!.data) === 0)
    checks.push({
      name: `${name}_swarm_same_bits`,
      value: same.length / expected.length,
      unit: 'of tensors',
      gate: '>= 1',
    })
  }
  return checks
}
