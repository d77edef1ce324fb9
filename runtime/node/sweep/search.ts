import { limit, type Random, seededRandom, userError } from '../../base/index.ts'
import type { Parameter } from '../../protocol/index.ts'
import { configuration, type Space, sizeOf } from './space.ts'

/** Which configurations of a space are tried, and how far each is taken. */
export type Search =
  | { readonly kind: 'grid' }
  | { readonly kind: 'random'; readonly trials: number; readonly seed: number }
  | {
      readonly kind: 'asha'
      readonly trials: number | undefined
      readonly seed: number
      readonly eta: number
      readonly minSteps: number | undefined
    }

/** Every configuration, each to its end. */
export function grid(): Search {
  return { kind: 'grid' }
}

/** Configurations by chance, each to its end: of a finite space none twice. Throws `sweep.option`. */
export function random({ trials, seed = 0 }: { readonly trials: number; readonly seed?: number }): Search {
  assertCount('random', 'trials', trials)
  return { kind: 'random', trials, seed }
}

/**
 * ASHA (Li et al. 2020): configurations by chance, none twice, are trained for a little; the best of them, one in `eta`, for
 * `eta` times as long, and so on to the end of their trainings. `trials`: how many; by default all of a finite space.
 * `minSteps`: steps that each has at least; by default as many as make four rungs. Throws `sweep.option`.
 */
export function asha({
  trials,
  seed = 0,
  eta = 3,
  minSteps,
}: {
  readonly trials?: number
  readonly seed?: number
  readonly eta?: number
  readonly minSteps?: number
} = {}): Search {
  if (trials !== undefined) assertCount('asha', 'trials', trials)
  if (minSteps !== undefined) assertCount('asha', 'minSteps', minSteps)
  if (!(Number.isSafeInteger(eta) && eta >= 2 && eta <= 64))
    throw userError('sweep.option', `expected a whole number from 2 to 64 for eta of asha, found ${eta}`)
  return { kind: 'asha', trials, seed, eta, minSteps }
}

/**
 * The configurations that a search tries, in order. Throws `sweep.empty-space`, `sweep.continuous` for a grid over a
 * continuous dimension, `sweep.too-many-trials`, `sweep.trials` when it does not say how many.
 */
export function configurations(space: Space, search: Search): Record<string, Parameter>[] {
  const names = Object.keys(space)
  if (names.length === 0)
    throw userError(
      'sweep.empty-space',
      'expected at least one parameter to vary, such as learningRate: logUniform(1e-4, 1e-1)',
    )
  const size = sizeOf(space)
  if (search.kind === 'grid') {
    const [name, dimension] = Object.entries(space).find(([, { values }]) => values === undefined) ?? []
    if (dimension || size === undefined)
      throw userError(
        'sweep.continuous',
        `${name} is ${dimension?.text}, of which a grid has no end: name its values by choice([...]), or search by random() or asha()`,
      )
    assertFew(size)
    return Array.from({ length: size }, (_, index) => configuration(space, index))
  }
  const trials = search.trials ?? size
  if (trials === undefined)
    throw userError('sweep.trials', 'expected trials of asha: how many, of a space that has no end')
  if (size !== undefined && trials > size)
    throw userError('sweep.too-many-trials', `expected at most the ${size} trials that the space has, found ${trials}`)
  assertFew(trials)
  const chance = seededRandom(search.seed)
  if (size !== undefined && size <= 4 * trials)
    return shuffled(size, chance)
      .slice(0, trials)
      .map((index) => configuration(space, index))
  return distinct(space, trials, chance)
}

function distinct(space: Space, trials: number, chance: Random): Record<string, Parameter>[] {
  const drawn = new Map<string, Record<string, Parameter>>()
  while (drawn.size < trials) {
    const one = Object.fromEntries(Object.entries(space).map(([name, { at }]) => [name, at(chance.float())]))
    drawn.set(JSON.stringify(one), one)
  }
  return [...drawn.values()]
}

function shuffled(count: number, chance: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(chance.float() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

function assertFew(trials: number): void {
  const most = limit('trialsPerSweep')
  if (trials > most)
    throw userError(
      'sweep.too-many-trials',
      `expected at most ${most} trials, found ${trials}: try some of them by random() or asha(), or fewer values`,
    )
}

function assertCount(of: string, name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw userError('sweep.option', `expected a whole number of at least 1 for ${name} of ${of}, found ${value}`)
}
