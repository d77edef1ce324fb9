import { type AividaError, userError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { checkTensor } from '../../data/tensor/check.ts'
import type { DType, NamedTensors, Tensor } from '../../data/tensor/tensor.ts'

/** What a graph says of one of its inputs or outputs. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: DType
  /** A string is a symbolic dimension: any size. `undefined`: the graph does not say, so any shape. */
  readonly shape?: readonly (number | string)[]
}

/**
 * Checks tensors against the inputs of a graph before an engine sees them. Throws `engine.input-missing`,
 * `engine.input-unknown` (with the nearest name), `engine.input-dtype`, `engine.input-shape`, and what `checkTensor` throws.
 */
export function checkInputs(specs: readonly TensorSpec[], inputs: NamedTensors): void {
  const known = new Map(specs.map((spec) => [spec.name, spec]))
  for (const name of Object.keys(inputs)) if (!known.has(name)) throw unknownInput(name, [...known.keys()])
  for (const spec of specs) {
    const tensor = Object.hasOwn(inputs, spec.name) ? inputs[spec.name] : undefined
    if (!tensor)
      throw userError('engine.input-missing', `input "${spec.name}" is missing; expected ${describe(spec)}`, {
        input: spec.name,
      })
    checkTensor(tensor, `input "${spec.name}"`)
    const refuse = (what: 'dtype' | 'shape') =>
      userError(
        `engine.input-${what}`,
        `input "${spec.name}" has the wrong ${what}: expected ${describe(spec)}, found ${describe(tensor)}`,
        { input: spec.name },
      )
    if (tensor.dtype !== spec.dtype) throw refuse('dtype')
    if (!fits(spec.shape, tensor.shape)) throw refuse('shape')
  }
}

/** `float32 [n, 3]`, the way messages show a tensor or what a graph expects. */
export function describe(tensor: Tensor | TensorSpec): string {
  return `${tensor.dtype} ${tensor.shape ? `[${tensor.shape.join(', ')}]` : 'of any shape'}`
}

function fits(expected: TensorSpec['shape'], found: readonly number[]): boolean {
  if (!expected) return true
  return expected.length === found.length && expected.every((dim, i) => typeof dim === 'string' || dim === found[i])
}

function unknownInput(name: string, known: readonly string[]): AividaError {
  const shown = known.slice(0, SHOWN)
  const guess = nearest(name, shown)
  const takes = shown.length === 0 ? 'none' : shown.join(', ') + (known.length > SHOWN ? `, ... (${known.length})` : '')
  const hint = guess === undefined ? '' : ` did you mean "${guess}"?`
  return userError('engine.input-unknown', `the graph has no input "${name}";${hint} it takes ${takes}`, {
    input: name,
  })
}

/** Names that a message lists. */
const SHOWN = 16
