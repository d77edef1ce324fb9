import type { Parameter } from '../../protocol/index.ts'

/** Parameters as people read them: `learningRate 0.01, width 64`. */
export function describeParameters(parameters: Readonly<Record<string, Parameter>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} ${parameterText(value)}`)
    .join(', ')
}

/** One of them: of a number four digits that matter. */
export function parameterText(value: Parameter): string {
  return String(typeof value === 'number' ? Number(value.toPrecision(4)) : value)
}
