import { type AividaError, userError } from '../../base/index.ts'
import { elementCount, type Tensor } from '../tensor/index.ts'
import { type Dimension, describeSpec, type TensorSpec } from './signature.ts'

/**
 * The shape a row takes as part of an input's batch, given its shape in the data. Those agree when every dimension
 * does; a flat row is folded into the input's dimensions (one of them may be symbolic), and dimensions of 1 may be
 * missing or superfluous. Throws `source.shape`; `where` says which row or column.
 */
export function rowShape(spec: TensorSpec, found: readonly number[], where: string): readonly number[] {
  const expected = spec.shape?.slice(1)
  if (!expected || agree(expected, found)) return found
  const folded = found.length <= 1 ? fold(expected, elementCount(found)) : undefined
  if (folded) return folded
  const withoutOnes = expected.filter((dimension) => dimension !== 1)
  const foundWithoutOnes = found.filter((dimension) => dimension !== 1)
  if (agree(withoutOnes, foundWithoutOnes))
    return expected.map((dimension) => (dimension === 1 ? 1 : foundWithoutOnes.shift()!))
  throw shapeError(spec, found, where)
}

/** `source.shape`: a row that doesn't fit an input. */
function shapeError(spec: TensorSpec, found: readonly number[], where: string): AividaError {
  return userError(
    'source.shape',
    `${where}: expected rows of ${describeSpec(spec)}, found a row of shape [${found.join(', ')}]; ` +
      'reshape, resize or pad the data, or export the model with a symbolic dimension',
    { input: spec.name, found },
  )
}

/** The same rows with the row shape an input asks for. */
export function withRowShape(tensor: Tensor, shape: readonly number[]): Tensor {
  return { ...tensor, shape: [tensor.shape[0]!, ...shape] }
}

function agree(expected: readonly Dimension[], found: readonly number[]): boolean {
  return (
    expected.length === found.length &&
    expected.every((dimension, i) => typeof dimension === 'string' || dimension === found[i])
  )
}

function fold(expected: readonly Dimension[], elements: number): readonly number[] | undefined {
  const fixed = elementCount(expected.filter((dimension) => typeof dimension === 'number'))
  const symbolic = expected.filter((dimension) => typeof dimension === 'string').length
  if (symbolic === 0) return fixed === elements ? (expected as readonly number[]) : undefined
  if (symbolic > 1 || fixed === 0 || elements % fixed !== 0) return undefined
  return expected.map((dimension) => (typeof dimension === 'number' ? dimension : elements / fixed))
}
