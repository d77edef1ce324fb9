import { limit } from '../../base/index.ts'
import { isSparse } from '../../compute/update/index.ts'
import {
  type Aggregation,
  aggregationSchema,
  type Compression,
  compressionSchema,
  type JobRequest,
  type RoundRecipe,
  roundRecipeSchema,
} from '../../protocol/index.ts'
import { COUNT, checkOptions, type Expected, isCount, isObject, refused } from './option-check.ts'

/** Ways to make an update small, by name; `topk` needs a share. See {@link UpdateCompression}. */
const COMPRESSORS = ['f32', 'i8', 'i4', 'q2', 's1', 'ec'] as const

/**
 * How the members' updates are made small for their way: `f32` not at all, `i8` and `i4` whole numbers of 8 and 4 bits,
 * `q2` four levels (2.1 bits), `s1` signs (1.1 bits), `ec` whole steps in as many bits as they are rare (1.1 bits by default,
 * fewer with a larger `step`; about as good as `q2`), or the largest `share` of them alone (`topk`). What is lost is kept
 * and added to the next update (error feedback). One for both ways, or one for the way up to who aggregates and one for the
 * way back down to all.
 */
export type UpdateCompression =
  | (typeof COMPRESSORS)[number]
  | { readonly kind: (typeof COMPRESSORS)[number]; readonly block?: number }
  | { readonly kind: 'ec'; readonly block?: number; readonly step: number }
  | { readonly kind: 'topk'; readonly share: number }

/** See {@link UpdateCompression}. */
export type UpdateCompressions =
  | UpdateCompression
  | { readonly up?: UpdateCompression; readonly down?: UpdateCompression }

/** How the members of a training are kept together: what {@link diloco} and {@link gradients} give. */
export interface TrainingSync {
  readonly sync: 'diloco' | 'gradients'
  readonly recipe: Partial<RoundRecipe>
}

/** What can be chosen about {@link diloco}; what is left out has a default for the kind of model. */
export interface DilocoOptions {
  /**
   * Steps that each member makes by itself from one round to the next: H. More are fewer bytes and a larger gap to training in
   * one place. Where members differ in speed, those of the average one. Default: 4 to 32.
   */
  readonly localSteps?: number
  /** Default: `q2` both ways. */
  readonly compression?: UpdateCompressions
  /** SGD with Nesterov momentum on the mean of what the members learned. Default: rate 1, momentum 0 to 0.5. */
  readonly outer?: { readonly rate?: number; readonly momentum: number }
}

/** What can be chosen about {@link gradients}. */
export interface GradientsOptions {
  /** Default: `f32` both ways, which is exact. */
  readonly compression?: UpdateCompressions
}

/** What a training over several workers can say beside {@link TrainingDefinition.workers}. */
export interface RoundsDefinition {
  /**
   * Several workers train one model together: so many, or from `min`, with which it begins, to `max`. It waits until they are
   * there; later it goes on with those that are left, and takes in who comes, up to `max`. `steps`, `epochs`, `evaluateEvery`
   * and learning rates then count batches of `batchSize`, whoever learns from them. Default: one worker, step by step.
   */
  readonly workers?: number | { readonly min: number; readonly max: number }
  /**
   * How they are kept together: {@link diloco}, for links as slow as a home's; {@link gradients}, for fast ones; or `auto`,
   * which measures links and steps first, picks, and says why. Default: `auto`.
   */
  readonly sync?: 'auto' | TrainingSync
  /**
   * How their updates become one. The mean learns most, and one member that sends garbage ruins it; {@link trimmedMean} and
   * {@link median} survive some. Default: `mean`.
   */
  readonly aggregation?: 'mean' | Aggregation
  /**
   * What becomes of an update that comes after its round was closed: its samples are given back to be learned from again
   * (`return`), or it counts in the round in which it comes, weighing `factor` times as much for each round that it is late,
   * `maxAge` rounds at most. Default: `return`.
   */
  readonly late?: 'return' | { readonly factor: number; readonly maxAge: number }
  /** Whether a fast member has more samples of a round than a slow one. Default: `speed`. */
  readonly balance?: 'speed' | 'equal'
  /**
   * A round is closed without those who are not done after `factor` times its expected duration, and `leastMs` at least.
   * Default: 3 and 2,000.
   */
  readonly deadline?: { readonly factor?: number; readonly leastMs?: number }
  /** The optimiser state of a member that takes another's place: that one's last, or none. Default: `committed`. */
  readonly replacement?: 'committed' | 'zero'
  /** Rounds from one checkpoint, which newcomers begin with, to the next. Default: 16. */
  readonly snapshotEvery?: number
}

/**
 * DiLoCo (Douillard et al. 2023, arXiv 2311.08105): each member makes `localSteps` steps by itself; what it came to, as a
 * pseudo-gradient, is compressed and averaged with the others', and all take an outer step along the mean. At 4 members the
 * defaults move some hundred times fewer bytes than averaging every gradient, and end 2 to 3 % above its loss after a
 * training of usual length (bench/README.md). Throws `train.option`.
 */
export function diloco(options: DilocoOptions = {}): TrainingSync {
  checkOptions('diloco', options as Readonly<Record<string, unknown>>, DILOCO_OPTIONS, 'diloco.')
  const { localSteps, compression, outer } = options
  return {
    sync: 'diloco',
    recipe: {
      ...(localSteps !== undefined && { localSteps }),
      ...compressionsOf(compression),
      ...(outer && { outer: { rate: outer.rate ?? 1, momentum: outer.momentum } }),
    },
  }
}

/**
 * Synchronous data parallel: the gradients of every step are averaged, as if one machine had the members' batches as one
 * large batch. Nothing is lost but to compression, and every step waits for the network. Throws `train.option`.
 */
export function gradients(options: GradientsOptions = {}): TrainingSync {
  checkOptions('gradients', options as Readonly<Record<string, unknown>>, GRADIENTS_OPTIONS, 'gradients.')
  return { sync: 'gradients', recipe: compressionsOf(options.compression) }
}

/**
 * The mean of each coordinate without its `trim` largest and `trim` smallest values: survives up to `trim` members that send
 * anything at all (Yin et al. 2018). Needs more than twice as many members. Throws `train.option`.
 */
export function trimmedMean(trim: number): Aggregation {
  const aggregation = { rule: 'trimmed-mean', trim } as const
  if (!aggregationSchema.safeParse(aggregation).success)
    throw refused('aggregation', `expected how many members trimmedMean leaves out at each end, found ${trim}`)
  return aggregation
}

/**
 * The middle value of each coordinate: survives anything that fewer than half of the members send (Yin et al. 2018), and learns
 * less from the others than {@link trimmedMean}.
 */
export function median(): Aggregation {
  return { rule: 'median' }
}

const isCompression = (value: unknown): boolean =>
  COMPRESSORS.some((name) => name === value) ||
  (isObject(value) &&
    compressionSchema.strict().safeParse(value).success &&
    (value.kind === 'topk' ? value.share !== undefined : COMPRESSORS.some((name) => name === value.kind)))

const COMPRESSION: Expected = {
  what: `one of ${COMPRESSORS.join(', ')}, { kind: 'topk', share: 0.01 }, or { up, down } of them`,
  fits: (value) =>
    isCompression(value) ||
    (isObject(value) &&
      Object.entries(value).every(([way, one]) => (way === 'up' || way === 'down') && isCompression(one))),
}
const isShare = (value: unknown): boolean => typeof value === 'number' && value > 0 && value <= 1

const GRADIENTS_OPTIONS = { compression: COMPRESSION } satisfies Record<keyof GradientsOptions, Expected>

const DILOCO_OPTIONS = {
  localSteps: {
    what: `a whole number from 1 to ${limit('stepsPerShard')}`,
    fits: (value) => isCount(value) && value <= limit('stepsPerShard'),
  },
  compression: COMPRESSION,
  outer: {
    what: 'an object such as { rate: 1, momentum: 0.5 }, its momentum from 0 to 0.999',
    options: ['rate', 'momentum'],
    fits: (value) =>
      isObject(value) && roundRecipeSchema.shape.outer.safeParse({ ...value, rate: value.rate ?? 1 }).success,
  },
} satisfies Record<keyof DilocoOptions, Expected>

/** The options of {@link RoundsDefinition}. */
export const ROUNDS_OPTIONS = {
  workers: {
    what: `a number of workers from 1 to ${limit('membersPerRound')}, or { min: 2, max: 8 }`,
    options: ['min', 'max'],
    fits: (value) => isMemberCount(value) || (isObject(value) && isMemberCount(value.min) && isMemberCount(value.max)),
  },
  sync: {
    what: "'auto', diloco() or gradients()",
    fits: (value) =>
      value === 'auto' ||
      (isObject(value) &&
        (value.sync === 'diloco' || value.sync === 'gradients') &&
        roundRecipeSchema.partial().safeParse(value.recipe).success),
  },
  aggregation: {
    what: "'mean', median() or trimmedMean(1)",
    fits: (value) => value === 'mean' || aggregationSchema.safeParse(value).success,
  },
  late: {
    what: "'return', or an object such as { factor: 0.5, maxAge: 2 } with a factor up to 1 and a maxAge up to 16 rounds",
    options: ['factor', 'maxAge'],
    fits: (value) =>
      value === 'return' || (isObject(value) && isShare(value.factor) && isCount(value.maxAge) && value.maxAge <= 16),
  },
  balance: { what: "'speed' or 'equal'", fits: (value) => value === 'speed' || value === 'equal' },
  deadline: {
    what: 'an object such as { factor: 3, leastMs: 2000 } with a factor from 1 to 100',
    options: ['factor', 'leastMs'],
    fits: (value) =>
      isObject(value) &&
      (value.factor === undefined || (typeof value.factor === 'number' && value.factor >= 1 && value.factor <= 100)) &&
      (value.leastMs === undefined || isCount(value.leastMs)),
  },
  replacement: { what: "'committed' or 'zero'", fits: (value) => value === 'committed' || value === 'zero' },
  snapshotEvery: {
    ...COUNT,
    what: `a whole number from 1 to ${limit('roundsPerSnapshot')}`,
    fits: (value) => isCount(value) && value <= limit('roundsPerSnapshot'),
  },
} satisfies Record<keyof RoundsDefinition, Expected>

/** What a request says of rounds; defaults may be left out. */
export type RequestedRounds = NonNullable<Extract<JobRequest, { program: 'train' }>['rounds']>

/**
 * What a definition asks for, as a request; `undefined` for a training on one worker. Throws `train.option` for options that
 * do not go together: without `workers`, more left out than there are, a robust rule over sparse updates.
 */
export function roundsOf(definition: RoundsDefinition): RequestedRounds | undefined {
  const {
    workers,
    sync = 'auto',
    aggregation = 'mean',
    late,
    balance,
    deadline,
    replacement,
    snapshotEvery,
  } = definition
  if (workers === undefined) {
    const of = Object.keys(ROUNDS_OPTIONS).find((name) => definition[name as keyof RoundsDefinition] !== undefined)
    if (of === undefined) return undefined
    throw refused(of, `${of} is an option of trainings over several workers; say how many: workers: 4`)
  }
  const { min, max } = typeof workers === 'number' ? { min: workers, max: workers } : workers
  if (min > max)
    throw refused('workers', `expected workers from a smaller number to a larger one, found ${min} to ${max}`)
  const { recipe, ...kind } = typeof sync === 'string' ? { sync, recipe: {} } : sync
  const rule = typeof aggregation === 'string' ? { rule: aggregation } : aggregation
  checkAggregation(rule, { min, recipe })
  return {
    workers: { min, max },
    ...kind,
    recipe,
    aggregation: rule,
    ...(late && { late: late === 'return' ? { rule: late } : { rule: 'weigh', ...late } }),
    ...(balance && { balance }),
    ...(deadline && { deadline }),
    ...(replacement && { replacement }),
    ...(snapshotEvery !== undefined && { snapshotEvery }),
  }
}

function checkAggregation(
  aggregation: Aggregation,
  { min, recipe }: { readonly min: number; readonly recipe: Partial<RoundRecipe> },
): void {
  if (aggregation.rule === 'mean') return
  if (recipe.up && isSparse(recipe.up))
    throw refused(
      'aggregation',
      `${aggregation.rule} takes whole updates: of ${recipe.up.kind} ones most members have nothing to say on a coordinate, and what few say would be left out; choose another compression, or the mean`,
    )
  if (aggregation.rule === 'trimmed-mean' && 2 * aggregation.trim >= min)
    throw refused(
      'aggregation',
      `trimmedMean(${aggregation.trim}) leaves nothing of ${min} members: expected workers to be ${2 * aggregation.trim + 1} at least`,
    )
}

function isMemberCount(value: unknown): boolean {
  return isCount(value) && value <= limit('membersPerRound')
}

function compressionsOf(given: UpdateCompressions | undefined): Partial<Pick<RoundRecipe, 'up' | 'down'>> {
  if (given === undefined) return {}
  const { up, down } = typeof given === 'string' || 'kind' in given ? { up: given, down: given } : given
  return { ...(up && { up: compressionOf(up) }), ...(down && { down: compressionOf(down) }) }
}

function compressionOf(given: UpdateCompression): Compression {
  return typeof given === 'string' ? { kind: given } : given
}
