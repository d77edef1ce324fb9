import { userError } from '../../../base/index.ts'

/** What a setting may be; infinities and NaN never. */
interface Bounds {
  readonly least?: number
  readonly most?: number
  /** Neither bound itself. Default: both are allowed. */
  readonly exclusive?: boolean
  readonly whole?: boolean
}

/** Refuses settings out of their bounds, by name: `graph.setting`. What is undefined has its default. */
export function checkSettings(
  where: string,
  settings: Readonly<Record<string, readonly [value: number | undefined, bounds: Bounds]>>,
): void {
  for (const [name, [value, bounds]] of Object.entries(settings)) {
    const { least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER, exclusive = false, whole = false } = bounds
    if (value === undefined) continue
    const inside = exclusive ? value > least && value < most : value >= least && value <= most
    if (inside && (!whole || Number.isInteger(value))) continue
    const range =
      bounds.most === undefined
        ? `of ${exclusive ? 'more than' : 'at least'} ${least}`
        : `from ${least} to ${most}${exclusive ? ', neither' : ''}`
    throw userError(
      'graph.setting',
      `${where}: expected ${whole ? 'a whole number' : 'a number'} ${range} for ${name}, found ${value}`,
      {
        name,
      },
    )
  }
}

/** A share that goes on from step to step: from 0 up to 1, which would keep everything for ever. */
export const CARRIED: Bounds = { least: 0, most: 1 - Number.EPSILON }

/** A quantity of at least 0. */
export const AMOUNT: Bounds = { least: 0 }
