import type { RoundRecipe, RoundsRequest } from '../../../protocol/index.ts'

/** What decides how often replicas should meet: attention wants them together more often. */
export type ModelKind = 'transformer' | 'other'

/** Batches of a member below which a training is short: its replicas meet more often. */
const SHORT = 1_000

/**
 * The recipe for a training, where the request does not say: two bits an element both ways, a constant number of local
 * steps, outer rate 1 (measured: `bench/README.md`; the usual outer 0.7/0.9 of Douillard et al. 2023 is wrong for short
 * runs). More members meet more often. `gradients`: the mean of each step's gradients, as they are.
 */
export function defaultRecipe(
  { sync, recipe }: Pick<RoundsRequest, 'sync' | 'recipe'>,
  { kind, members, batches }: { readonly kind: ModelKind; readonly members: number; readonly batches: number },
): RoundRecipe {
  if ((recipe.mode ?? (sync === 'gradients' ? 'gradient' : 'local')) === 'gradient')
    return {
      mode: 'gradient',
      localSteps: 1,
      up: recipe.up ?? { kind: 'f32' },
      down: recipe.down ?? { kind: 'f32' },
      outer: recipe.outer ?? { rate: 1, momentum: 0 },
    }
  const many = members > 4
  const isShort = batches / members < SHORT
  const steps = { transformer: isShort ? 4 : many ? 8 : 16, other: many ? 16 : 32 }[kind]
  return {
    mode: 'local',
    localSteps: recipe.localSteps ?? steps,
    up: recipe.up ?? { kind: 'q2', block: 128 },
    down: recipe.down ?? { kind: 'q2', block: 128 },
    outer: recipe.outer ?? { rate: 1, momentum: kind === 'transformer' ? (many ? 0.2 : 0) : 0.5 },
  }
}
