import { type AividaError, userError } from '../../base/index.ts'
import { nearest } from '../../base/nearest.ts'

/** What a value of an option has to be, and how to say it. */
export interface Expected {
  readonly what: string
  readonly required?: boolean
  /** Names of its own options. Default: any. */
  readonly options?: readonly string[]
  readonly fits: (value: unknown) => boolean
}

/** An option that counts something. */
export const COUNT: Expected = { what: 'a whole number of at least 1', fits: isCount }

/**
 * Refuses options that types would have refused, for those who write JavaScript or run TypeScript unchecked. Throws
 * `train.option` for a name that is no option of `of`, with the nearest one that is, for one that is missing, and for a
 * value of another kind than its option takes. `within` stands before the names of options.
 */
export function checkOptions(
  of: string,
  given: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, Expected>>,
  within = '',
): void {
  checkNames(of, given, Object.keys(known), within)
  for (const [name, { what, required = false, options, fits }] of Object.entries(known)) {
    const value = given[name]
    if (options && isObject(value)) checkNames(of, value, options, `${within}${name}.`)
    if (value === undefined ? required : !fits(value))
      throw refused(`${within}${name}`, `expected ${what} for ${within}${name}, found ${shown(value)}`)
  }
}

function checkNames(of: string, given: object, known: readonly string[], within: string): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  const near = nearest(unknown, known)
  const hint = near ? `did you mean ${within}${near}?` : `known are ${known.join(', ')}`
  throw refused(`${within}${unknown}`, `unknown option ${within}${unknown} of ${of}: ${hint}`)
}

/** `train.option`, about one option. */
export function refused(option: string, message: string): AividaError {
  return userError('train.option', message, { option })
}

/** Whether it has names: no list, no `null`. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether it is a whole number of at least 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

/** A value for an error, short whatever it is: tensors may be in it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (!isObject(value)) return String(value)
  const entries = Object.entries(value).slice(0, 4)
  return `{ ${entries.map(([name, part]) => `${name}: ${isObject(part) ? '{ ... }' : shown(part)}`).join(', ')} }`
}
