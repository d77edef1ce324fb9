import type { Parameter } from '../../protocol/index.ts'

/** Parameters as people read them: `learningRate 0.01, width 64`. */
export function describeParameters(parameters: Readonly<Record<string, Parameter>>): string {
  const shown = (value: Parameter) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)
  return Object.entries(parameters)
    .map(([name, value]) => `${name} ${shown(value)}`)
    .join(', ')
}
