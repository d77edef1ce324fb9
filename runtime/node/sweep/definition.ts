import { userError } from '../../base/index.ts'
import { nearest } from '../../base/nearest.ts'
import type { Parameter, Requirements, SweepRequest } from '../../protocol/index.ts'
import { MEASURED, TRIAL_COLUMNS } from '../jobs/trials-file.ts'
import type { Training } from '../training/index.ts'
import { configurations, grid, type Search } from './search.ts'
import type { ParametersOf, Space } from './space.ts'

/** What is tried, and by what the best is told. */
export interface SweepDefinition<S extends Space = Space> {
  /** The parameters that trials differ in. */
  readonly space: S
  /** The training of one trial. It has a validation; where it runs is the sweep's to say. */
  readonly train: (parameters: ParametersOf<S>) => Training
  /** Default: `grid()`. */
  readonly strategy?: Search
  /** An output of the evaluation. Default: `loss`. */
  readonly metric?: string
  /** Which way is better. Default: `min` of `loss`; any other metric has none. */
  readonly goal?: SweepRequest['goal']
  /** What it may take at most. */
  readonly budget?: {
    /** Steps of all trials together. */
    readonly steps?: number
    readonly minutes?: number
  }
  /** What the devices of its trials must have. Default: nothing. */
  readonly requirements?: Requirements
  /** What lists and reports call it. */
  readonly name?: string
  /** Folder for metrics, the table of trials and the best state. Default: one in the node's data folder. */
  readonly outputDir?: string
}

/** A {@link SweepDefinition} that was looked over: what a file for `aivida sweep` exports as its default. */
export interface Sweep {
  readonly kind: 'aivida.sweep'
  /** What trials are called after, in their order. */
  readonly trials: readonly Readonly<Record<string, Parameter>>[]
  readonly definition: Omit<SweepDefinition, 'train'> & {
    readonly train: (parameters: Readonly<Record<string, Parameter>>) => Training
  }
}

const OPTIONS = ['space', 'train', 'strategy', 'metric', 'goal', 'budget', 'requirements', 'name', 'outputDir'] as const

/**
 * Defines a sweep. Throws `sweep.option` for an option that there is none of, is missing or of another kind,
 * `sweep.parameter` for a parameter whose name is a column of the table, `sweep.goal` for a metric without a goal, and what
 * {@link configurations} throws: `sweep.empty-space`, `sweep.continuous`, `sweep.too-many-trials`, `sweep.trials`.
 */
export function sweep<const S extends Space>(definition: SweepDefinition<S>): Sweep {
  checkOptions(definition as unknown as SweepDefinition)
  const { space, strategy = grid(), metric = 'loss', goal } = definition
  for (const name of Object.keys(space))
    if ((TRIAL_COLUMNS as readonly string[]).includes(name) || name.startsWith(MEASURED))
      throw userError(
        'sweep.parameter',
        `a parameter cannot be called ${name}: the table of trials has a column of that name`,
      )
  if (metric !== 'loss' && goal === undefined)
    throw userError('sweep.goal', `expected goal: 'max' or 'min', which way ${metric} is better`)
  return {
    kind: 'aivida.sweep',
    trials: configurations(space, strategy),
    definition: { ...definition, train: definition.train as unknown as Sweep['definition']['train'] },
  }
}

/** Whether a value, such as what a module exports, is a sweep: told by its mark, since it may be of another copy of us. */
export function isSweepDefinition(value: unknown): value is Sweep {
  return value !== null && typeof value === 'object' && (value as Partial<Sweep>).kind === 'aivida.sweep'
}

/** For those who write JavaScript, or run TypeScript unchecked. */
function checkOptions(definition: SweepDefinition): void {
  if (definition === null || typeof definition !== 'object')
    throw userError('sweep.option', 'expected an object: sweep({ space, train, ... })')
  const known: readonly string[] = OPTIONS
  const unknown = Object.keys(definition).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const near = nearest(unknown, known)
    const hint = near ? `did you mean ${near}?` : `known are ${known.join(', ')}`
    throw userError('sweep.option', `unknown option ${unknown} of a sweep: ${hint}`)
  }
  const { space, train, strategy, goal, budget } = definition
  const isSpace =
    space !== null &&
    typeof space === 'object' &&
    Object.values(space).every((dimension) => dimension?.kind === 'aivida.dimension')
  const isBudget =
    budget === undefined ||
    Object.entries(budget).every(
      ([name, value]) => ['steps', 'minutes'].includes(name) && value !== undefined && value > 0,
    )
  for (const [name, fits, what] of [
    ['space', isSpace, 'parameters such as { width: choice([64, 128]), learningRate: logUniform(1e-4, 1e-1) }'],
    ['train', typeof train === 'function', 'a function of the parameters that gives training({ ... })'],
    [
      'strategy',
      strategy === undefined || typeof strategy.kind === 'string',
      'grid(), random({ ... }) or asha({ ... })',
    ],
    ['goal', goal === undefined || goal === 'min' || goal === 'max', "'min' or 'max'"],
    ['budget', isBudget, '{ steps } or { minutes }, above 0'],
  ] as const)
    if (!fits) throw userError('sweep.option', `expected ${what} for ${name} of a sweep`, { option: name })
}
