import { elementCount } from './check.ts'
import { stringOffsets } from './strings.ts'
import type { NamedTensors, Tensor } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

/** How many rows a tensor has along axis 0. Throws `tensor.shape` for a scalar. */
export function rowCount(tensor: Tensor): number {
  const rows = tensor.shape[0]
  if (rows === undefined) throw tensorError('shape', 'a scalar has no rows; expected a batch along axis 0')
  return rows
}

/** The number of rows that all of these share. Throws `tensor.shape` when they differ or there is no tensor. */
export function commonRowCount(tensors: NamedTensors): number {
  const counts = Object.entries(tensors).map(([name, tensor]) => [name, rowCount(tensor)] as const)
  const first = counts[0]
  if (!first) throw tensorError('shape', 'no tensors, so no rows')
  for (const [name, count] of counts)
    if (count !== first[1])
      throw tensorError('shape', `'${first[0]}' has ${first[1]} rows and '${name}' has ${count}; they must agree`)
  return first[1]
}

/** Rows `from` to `to` (not included) along axis 0, over the same memory. Throws `tensor.shape`, `tensor.range`. */
export function sliceRows(tensor: Tensor, from: number, to: number): Tensor {
  const rows = rowCount(tensor)
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= rows))
    throw tensorError('range', `rows ${from} to ${to} of a tensor of ${rows}`)
  const { dtype, data } = tensor
  const offsets = dtype === 'string' ? stringOffsets(data, elementCount(tensor.shape)) : undefined
  const rowElements = elementCount(tensor.shape.slice(1))
  const at = (row: number) => (offsets ? offsets[row * rowElements]! : rows && (row * data.byteLength) / rows)
  return { dtype, shape: [to - from, ...tensor.shape.slice(1)], data: data.subarray(at(from), at(to)) }
}

/**
 * Joins tensors of one dtype and row shape along axis 0; a single one is returned as it is. Throws `tensor.shape`,
 * `tensor.dtype`.
 */
export function concatRows(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors
  if (!first) throw tensorError('shape', 'nothing to join; expected at least one tensor')
  if (tensors.length === 1) return first
  const rowShape = first.shape.slice(1)
  let rows = 0
  for (const tensor of tensors) {
    rows += rowCount(tensor)
    if (tensor.dtype !== first.dtype)
      throw tensorError('dtype', `cannot join ${tensor.dtype} rows to ${first.dtype} rows`)
    if (`${tensor.shape.slice(1)}` !== `${rowShape}`)
      throw tensorError('shape', `cannot join rows of shape [${tensor.shape.slice(1)}] to rows of [${rowShape}]`)
  }
  const data = new Uint8Array(tensors.reduce((sum, tensor) => sum + tensor.data.byteLength, 0))
  let at = 0
  for (const tensor of tensors) {
    data.set(tensor.data, at)
    at += tensor.data.byteLength
  }
  return { dtype: first.dtype, shape: [rows, ...rowShape], data }
}
