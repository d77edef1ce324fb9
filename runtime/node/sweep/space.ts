import { userError } from '../../base/index.ts'
import type { Parameter } from '../../protocol/index.ts'

/** Which values a parameter may have. */
export interface Dimension<T extends Parameter = Parameter> {
  readonly kind: 'aivida.dimension'
  /** How it was written, for errors. */
  readonly text: string
  /** All of its values, in order; `undefined` of a continuous one. */
  readonly values: readonly T[] | undefined
  /** The value at a share of the way through it, from [0, 1): shares drawn evenly give values by its own distribution. */
  at(share: number): T
}

/** Parameters by name. */
export type Space = Readonly<Record<string, Dimension>>

/** What the training of a trial is given. */
export type ParametersOf<S extends Space> = {
  readonly [Name in keyof S]: S[Name] extends Dimension<infer T> ? T : never
}

/** One of some values: numbers, texts, booleans. Throws `sweep.dimension` when there is none, or one twice. */
export function choice<const T extends Parameter>(values: readonly T[]): Dimension<T> {
  const text = `choice(${JSON.stringify(values)})`
  const given: unknown = values
  if (!Array.isArray(given) || given.length === 0) throw badDimension(text, 'at least one value')
  if (new Set(values).size < values.length) throw badDimension(text, 'values that differ')
  if (!values.every((value) => isParameter(value))) throw badDimension(text, 'finite numbers, texts and booleans')
  return finite(text, [...values])
}

/** A number between two, each as likely: `low` is one, `high` is none. Throws `sweep.dimension`. */
export function uniform(low: number, high: number): Dimension<number> {
  const text = `uniform(${low}, ${high})`
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    throw badDimension(text, 'a lower number, then a higher')
  return continuous(text, (share) => low + share * (high - low))
}

/** A number between two above 0, each order of magnitude as likely: for rates and penalties. Throws `sweep.dimension`. */
export function logUniform(low: number, high: number): Dimension<number> {
  const text = `logUniform(${low}, ${high})`
  if (!(low > 0 && Number.isFinite(high) && low < high)) throw badDimension(text, 'a number above 0, then a higher')
  return continuous(text, (share) => low * (high / low) ** share)
}

/** A whole number from `low` to `high`, both of them among it. Throws `sweep.dimension`. */
export function integer(low: number, high: number): Dimension<number> {
  const text = `integer(${low}, ${high})`
  if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && low <= high && high - low < MOST_INTEGERS))
    throw badDimension(text, `two whole numbers, the lower first, fewer than ${MOST_INTEGERS} apart`)
  return finite(
    text,
    Array.from({ length: high - low + 1 }, (_, i) => low + i),
  )
}

const MOST_INTEGERS = 1_000_000

/** How many configurations there are; `undefined` of a space with a continuous dimension. */
export function sizeOf(space: Space): number | undefined {
  return Object.values(space).reduce<number | undefined>(
    (size, { values }) => (size === undefined || values === undefined ? undefined : size * values.length),
    1,
  )
}

/** A configuration by its number: the last dimension changes first. */
export function configuration(space: Space, index: number): Record<string, Parameter> {
  let rest = index
  const entries = Object.entries(space)
    .reverse()
    .map(([name, { values }]): [string, Parameter] => {
      const value = values![rest % values!.length]!
      rest = Math.floor(rest / values!.length)
      return [name, value]
    })
  return Object.fromEntries(entries.reverse())
}

function finite<T extends Parameter>(text: string, values: readonly T[]): Dimension<T> {
  return { kind: 'aivida.dimension', text, values, at: (share) => values[Math.floor(share * values.length)]! }
}

function continuous(text: string, at: (share: number) => number): Dimension<number> {
  return { kind: 'aivida.dimension', text, values: undefined, at }
}

function isParameter(value: unknown): value is Parameter {
  return typeof value === 'number' ? Number.isFinite(value) : typeof value === 'string' || typeof value === 'boolean'
}

function badDimension(found: string, expected: string) {
  return userError('sweep.dimension', `expected ${expected}, found ${found}`)
}
