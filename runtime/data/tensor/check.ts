import { limit } from '../../base/limits.ts'
import { stringOffsets } from './strings.ts'
import { DTYPES, type NamedTensors, type Tensor } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

/** How many elements a shape holds; 1 for a scalar (`[]`). */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dim) => count * dim, 1)
}

/**
 * Refuses a tensor whose parts don't agree. `name` is how the message calls it.
 * Throws `tensor.dtype`, `tensor.shape`, `tensor.size`, `tensor.content` (a bool that is neither 0 nor 1, or strings
 * that don't fill their bytes).
 */
export function checkTensor(tensor: Tensor, name = 'tensor'): void {
  const { dtype, shape, data } = tensor
  if (!Object.hasOwn(DTYPES, dtype))
    throw tensorError('dtype', `${name}: expected one of ${Object.keys(DTYPES).join(', ')}, found ${dtype}`)
  if (shape.length > limit('tensorRank'))
    throw tensorError('shape', `${name}: rank ${shape.length}, at most ${limit('tensorRank')} allowed`)
  for (const dim of shape)
    if (!Number.isInteger(dim) || dim < 0 || dim > MAX_DIM)
      throw tensorError('shape', `${name}: shape [${shape}] holds ${dim}; dimensions are integers from 0 to ${MAX_DIM}`)
  const count = elementCount(shape)
  const expected = dtype === 'string' ? stringOffsets(data, count, name).at(-1)! : count * DTYPES[dtype]
  if (data.byteLength !== expected)
    throw tensorError('size', `${name}: ${dtype}[${shape}] takes ${expected} bytes, found ${data.byteLength}`)
  if (dtype === 'bool' && !data.every((byte) => byte <= 1))
    throw tensorError('content', `${name}: a bool is 0 or 1; found another byte`)
}

/** {@link checkTensor} for each, and the bounds of a message. Throws `tensor.limit`, `tensor.name` besides. */
export function checkTensors(tensors: NamedTensors): void {
  const entries = Object.entries(tensors)
  if (entries.length > limit('tensorsPerMessage'))
    throw tensorError('limit', `${entries.length} tensors, at most ${limit('tensorsPerMessage')} travel in one message`)
  for (const [name, tensor] of entries) {
    if (name.length > limit('tensorNameCharacters') || !name.isWellFormed())
      throw tensorError('name', `a tensor's name is text of at most ${limit('tensorNameCharacters')} characters`)
    checkTensor(tensor, `tensor '${name}'`)
  }
}

/** Arrow keeps dimensions as Int32. */
const MAX_DIM = 2 ** 31 - 1
