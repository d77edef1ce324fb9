import { DTYPES, type DType, type Tensor } from '../../runtime/data/tensor/tensor.ts'
import { stringsOf, typedArrayOf } from '../../runtime/data/tensor/typed-array.ts'
import { bytes } from '../../runtime/node/record/report/figures.ts'
import { numberText } from './arrow-cell.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { brief, plain } from './plain.ts'

/** A tensor of ours, of TensorFlow.js, or a typed array: its elements row by row. */
export interface Elements {
  /** As who made it calls it. */
  readonly dtype: string
  readonly shape: readonly number[]
  readonly values: ArrayLike<number | bigint | string | boolean>
}

/** Elements that are looked at for the range: a million take a millisecond. */
const RANGED = 1_000_000
/** Up to so many, all are shown; of more, the outer ones. */
const SHOWN = 200
const EDGE = 3
/** Of a shape with more ends than this the values are printed in one line. */
const PRINTED = 3_000

/** The elements of a value that has any: `undefined` of others, and of a tensor of TensorFlow.js that was disposed of. */
export function elementsOf(value: object): Elements | undefined {
  if (ArrayBuffer.isView(value))
    return value instanceof DataView
      ? undefined
      : { dtype: dtypeOf(value), shape: [lengthOf(value)], values: value as never }
  if (isTensor(value))
    return { dtype: value.dtype, shape: value.shape, values: value.dtype === 'string' ? stringsOf(value) : wide(value) }
  if (!isTfjsTensor(value) || value.isDisposed) return undefined
  return { dtype: value.dtype, shape: value.shape, values: value.dataSync() }
}

/** What a tensor or typed array holds. */
export function tensorBundle(elements: Elements): MimeBundle {
  const { dtype, shape, values } = elements
  const size = (DTYPES as Readonly<Record<string, number>>)[dtype] ?? 0
  const facts = [size > 0 && values.length > 0 && bytes(values.length * size), ranged(values)].filter(Boolean)
  return {
    'text/plain': plain(
      `${dtype} [${shape.join(', ')}]${facts.map((fact) => `, ${fact}`).join('')}\n${printed(elements)}`,
    ),
  }
}

/** Whether a value is a tensor as this project keeps them. */
export function isTensor(value: object): value is Tensor {
  const { dtype, shape, data } = value as Partial<Tensor>
  return typeof dtype === 'string' && dtype in DTYPES && Array.isArray(shape) && ArrayBuffer.isView(data)
}

interface TfjsTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly isDisposed: boolean
  dataSync(): ArrayLike<number>
}

/** Whether a value is a tensor of TensorFlow.js, whichever copy of the package made it. */
export function isTfjsTensor(value: object): value is TfjsTensor {
  const { dtype, shape, dataSync } = value as Partial<TfjsTensor>
  return typeof dataSync === 'function' && typeof dtype === 'string' && Array.isArray(shape)
}

/** Elements as numbers: words of bfloat16 are the upper halves of f32. */
function wide(tensor: Tensor): ArrayLike<number | bigint> {
  const values = typedArrayOf(tensor)
  if (tensor.dtype !== 'bfloat16') return values as ArrayLike<number | bigint>
  return new Float32Array(Uint32Array.from(values as Uint16Array, (word) => word << 16).buffer)
}

function dtypeOf(value: ArrayBufferView): string {
  const name = Object.prototype.toString.call(value).slice(8, -1) // also of another realm's arrays
  return name
    .replace(/ClampedArray$|Array$/, '')
    .replace('BigUint', 'uint')
    .replace('BigInt', 'int')
    .toLowerCase() as DType
}

function lengthOf(value: ArrayBufferView): number {
  return (value as unknown as { readonly length: number }).length
}

function ranged(values: Elements['values']): string {
  const seen = Math.min(values.length, RANGED)
  if (seen === 0 || (typeof values[0] !== 'number' && typeof values[0] !== 'bigint')) return ''
  let [least, most, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (let i = 0; i < seen; i++) {
    const value = Number(values[i])
    if (!Number.isFinite(value)) continue
    if (value < least) least = value
    if (value > most) most = value
    sum += value
    finite++
  }
  const none = seen - finite
  const where = seen < values.length ? ` of the first ${seen.toLocaleString('en')}` : ''
  if (finite === 0) return 'no finite value'
  return `${numberText(least)} to ${numberText(most)}, mean ${numberText(sum / finite)}${where}${none > 0 ? `, ${none.toLocaleString('en')} not finite` : ''}`
}

/** Values as nested brackets; of many, the outer ones, as NumPy prints them. */
function printed({ shape: whole, values }: Elements): string {
  const edge = values.length <= SHOWN ? Number.POSITIVE_INFINITY : EDGE
  const most = whole.reduce((all, size) => all * Math.min(size, 2 * edge), 1)
  const shape = most > PRINTED ? [values.length] : whole
  const text = (at: number) => {
    const value = values[at]
    if (typeof value === 'string') return JSON.stringify(brief(value, 40))
    return typeof value === 'number' ? numberText(Number(value.toPrecision(5))) : String(value)
  }
  const width = Math.max(0, ...chosen(shape, values.length, edge).map((at) => text(at).length))
  const level = (dim: number, from: number, indent: string): string => {
    if (dim === shape.length) return text(from).padStart(shape.length > 1 ? width : 0)
    const size = shape[dim]!
    const stride = shape.slice(dim + 1).reduce((all, each) => all * each, 1)
    const inner = dim === shape.length - 1
    const parts = ends(size, inner && edge !== Number.POSITIVE_INFINITY ? Math.max(edge, 5) : edge).map((i) =>
      i === undefined ? '...' : level(dim + 1, from + i * stride, `${indent} `),
    )
    return `[${parts.join(inner ? ', ' : `,\n${indent} `)}]`
  }
  return level(0, 0, '')
}

/** Indices that are shown of a dimension; `undefined` where some are left out. */
function ends(size: number, edge: number): (number | undefined)[] {
  if (size <= 2 * edge + 1) return Array.from({ length: size }, (_, i) => i)
  const first = Array.from({ length: edge }, (_, i) => i)
  return [...first, undefined, ...first.map((i) => size - edge + i)]
}

/** A sample of the places that are shown, to find a common width. */
function chosen(shape: readonly number[], length: number, edge: number): number[] {
  if (edge === Number.POSITIVE_INFINITY) return Array.from({ length }, (_, i) => i)
  const last = shape.at(-1) ?? 1
  return ends(last, edge).flatMap((i) => (i === undefined ? [] : [i, length - last + i]))
}
