import { pointOf, recordCurve } from '../diloco/curve.ts'
import { trainAll } from '../diloco/lanes.ts'
import type { Recipe, Trained } from '../diloco/recipe.ts'
import { type Compared, CURVE, describe, FIXED, SEARCH, SEEDS } from '../diloco/recipes.ts'
import { swarmChecks } from '../diloco/swarm-checks.ts'
import { type Check, medianCheck, type Suite } from '../report.ts'

/** What must hold of a comparison, and what is wanted. */
type Bounds = Readonly<Record<string, Pick<Check, 'gate' | 'goal'>>>

const BOUNDS: Bounds = {
  mlp4_gap_pct: { gate: '<= 4.5' },
  mlp4_reduction: { gate: '>= 400' },
  mlp4_wire_reduction: { gate: '>= 400' },
  mlp4_700x_gap_pct: { goal: '<= 3' },
  mlp4_700x_reduction: { goal: '>= 700' },
  lm4_500x_gap_pct: { goal: '<= 3' },
  lm4_500x_reduction: { goal: '>= 500' },
  mlp4_near_gap_pct: { goal: '<= 1' },
  mlp4_near_reduction: { goal: '>= 100' },
  lm4_gap_pct: { gate: '<= 4.5' },
  lm4_reduction: { gate: '>= 200' },
  lm4_wire_reduction: { gate: '>= 200' },
  lm8_vs_sync_adam: { gate: '<= 1' },
  lm8_reduction: { gate: '>= 110' },
  lm8_wire_reduction: { gate: '>= 110' },
}

/**
 * What few bytes cost: held-out loss of training by rounds (DiLoCo, compressed both ways) against synchronous training on as
 * many samples, learning rates of both tuned, and how many times fewer bytes a worker's link carries than with an f32 ring
 * all-reduce at each step. Trains in two processes, by the same compressors, aggregation and outer step as the swarm; then a few
 * rounds of each recipe over nodes of their own, every datagram counted, and to the same bits.
 */
export const suite: Suite = async ({ full, say }) => {
  const results = new Map<string, Trained>()
  const train = async (recipes: readonly Recipe[]) => {
    const missing = new Map(recipes.map((recipe) => [JSON.stringify(recipe), recipe]))
    for (const key of results.keys()) missing.delete(key)
    await trainAll([...missing.values()], (recipe, trained) => {
      results.set(JSON.stringify(recipe), trained)
      say(
        `${describe(recipe)}, seed ${recipe.seed}: loss ${trained.loss.toFixed(4)} in ${trained.seconds.toFixed(0)} s`,
      )
    })
  }
  const compared = full ? [...FIXED, ...CURVE] : FIXED
  await train(compared.flatMap(({ local, synchronous }) => [...seeded(local), ...seeded(synchronous)]))
  const of = (recipe: Compared['local']) => seeded(recipe).map((each) => results.get(JSON.stringify(each))!)
  if (full) {
    await train(SEARCH.map((recipe) => ({ ...recipe, seed: SEEDS[0] })))
    await recordCurve(compared.map((each) => pointOf(each, of(each.local), of(each.synchronous))))
  }
  const wire = await swarmChecks(FIXED, BOUNDS, { say })
  return {
    checks: [...compared.flatMap((each) => checksOf(each, of(each.local), of(each.synchronous))), ...wire],
    seed: SEEDS[0],
    n: SEEDS.length,
  }
}

function seeded(recipe: Compared['local']): Recipe[] {
  return SEEDS.map((seed) => ({ ...recipe, seed }))
}

/** Seed by seed: both sides begin with the same weights and learn from the same samples. */
function checksOf(
  { name, local, synchronous }: Compared,
  ours: readonly Trained[],
  theirs: readonly Trained[],
): Check[] {
  const ratios = ours.map(({ loss }, seed) => loss / theirs[seed]!.loss)
  const isSame = local.optimizer === synchronous.optimizer
  const gap = isSame
    ? medianCheck(
        bounded(`${name}_gap_pct`, '%'),
        ratios.map((ratio) => 100 * (ratio - 1)),
      )
    : medianCheck(bounded(`${name}_vs_sync_${synchronous.optimizer}`, 'x'), ratios)
  return [
    gap,
    medianCheck(
      bounded(`${name}_reduction`, 'x'),
      ours.map(({ reduction }) => reduction),
    ),
  ]
}

function bounded(name: string, unit: string): Omit<Check, 'value' | 'spread'> {
  return { name, unit, ...BOUNDS[name] }
}
