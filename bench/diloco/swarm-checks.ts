import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import { type Check, round, type SuiteOptions } from '../report.ts'
import type { Recipe } from './recipe.ts'
import { type Compared, SEEDS } from './recipes.ts'
import { trainOverSwarm } from './swarm.ts'
import { statesOf } from './train.ts'

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
    // The last state is that of whichever worker handed it in, what its optimiser alone keeps included.
    const same = (await statesOf(recipe)).map((state) => shareOf(state, swarm.state))
    checks.push({
      name: `${name}_swarm_same_bits`,
      value: Math.max(...same),
      unit: 'of tensors',
      gate: '>= 1',
    })
  }
  return checks
}

/** Of the tensors of one state, how many are the other's to the bit. */
function shareOf(expected: NamedTensors, found: NamedTensors): number {
  const all = Object.entries(expected)
  return all.filter(([name, { data }]) => Buffer.compare(data, found[name]!.data) === 0).length / all.length
}
