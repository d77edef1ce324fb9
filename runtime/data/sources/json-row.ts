import { userError } from '../../base/index.ts'
import { DTYPES, type Tensor, tensorOf, typedArrayOf } from '../tensor/index.ts'
import { missingValue, wrongDtype } from './refusals.ts'
import { rowShape } from './row-shape.ts'
import type { TensorSpec } from './signature.ts'

/**
 * One row of an input from JSON: a number, a bool, a string, or regular arrays of them. 64-bit integers beyond 2^53
 * are written as strings. Throws `source.dtype`, `source.shape`, `source.missing-value`.
 */
export function jsonRow(spec: TensorSpec, value: unknown, where: string): Tensor {
  const found = shapeOf(value)
  const flat: unknown[] = found.length > 0 ? (value as unknown[]).flat(found.length - 1) : [value]
  if (!isRegular(value, found))
    throw userError('source.shape', `${where}: the arrays of ${spec.name} differ in length; pad them`, {
      input: spec.name,
    })
  if (flat.includes(null)) throw missingValue(spec.name, where)
  const shape = [1, ...rowShape(spec, found, where)]
  if (spec.dtype === 'string') {
    const stranger = flat.find((each) => typeof each !== 'string')
    if (stranger !== undefined) throw wrongDtype(spec, JSON.stringify(stranger), where)
    return tensorOf(flat as string[], shape)
  }
  const tensor = { dtype: spec.dtype, shape, data: new Uint8Array(flat.length * DTYPES[spec.dtype]) }
  const elements = typedArrayOf(tensor)
  for (const [i, each] of flat.entries()) {
    const element = elementOf(spec.dtype, each)
    if (element !== undefined) elements[i] = element
    const kept = spec.dtype.startsWith('float') || elements[i] === element // out of range: another one comes back
    if (element === undefined || !kept) throw wrongDtype(spec, JSON.stringify(each), where)
  }
  return tensor
}

/** The shape of nested arrays, judged by the first of each. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = []
  for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length)
  return shape
}

function isRegular(value: unknown, [length, ...rest]: readonly number[]): boolean {
  if (length === undefined) return !Array.isArray(value)
  return Array.isArray(value) && value.length === length && value.every((each) => isRegular(each, rest))
}

/** A JSON value as an element of a typed array; `undefined` when it is of another type. */
function elementOf(dtype: TensorSpec['dtype'], value: unknown): number | bigint | undefined {
  switch (dtype) {
    case 'bfloat16': // its words are no numbers that people write
      return undefined
    case 'bool':
      return typeof value === 'boolean' ? Number(value) : undefined
    case 'int64':
    case 'uint64':
      return Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value))
        ? BigInt(value as number | string)
        : undefined
    default:
      return typeof value === 'number' ? value : undefined
  }
}
