import { type AividaError, userError } from '../../runtime/base/errors.ts'
import {
  DTYPES,
  type DType,
  type Tensor,
  type TensorArray,
  tensorOf,
  typedArrayOf,
} from '../../runtime/data/tensor/index.ts'

/** Numbers, strings or booleans, in lists of lists where there are several axes, as `tf.tensor` takes them. */
export type Nested = number | bigint | string | boolean | readonly Nested[]

/** A tensor of TensorFlow.js, by what is used of it. */
export interface TfTensor {
  readonly shape: readonly number[]
  readonly dtype: string
  /** Its numbers, row by row. */
  data(): Promise<ArrayLike<number> | readonly string[]>
}

/** Elements in a row, and how they lie. */
export interface Shaped {
  readonly values: TensorArray | readonly number[]
  readonly shape: readonly number[]
  /** Default: that of the typed array, or what the model asks for. */
  readonly dtype?: DType
}

/** What can be taken for a tensor: one of ours, one of TensorFlow.js, a typed array (of one axis, or `{ values, shape }`), lists of lists. */
export type TensorLike = Tensor | TfTensor | Shaped | TensorArray | readonly Nested[]

/** What a tensor is to become. */
export interface TensorTarget {
  readonly name: string
  /** Default: what the values are; numbers of a list are `float32`. */
  readonly dtype?: DType
  /** Names stand for any number. Default: what the values have. */
  readonly shape?: readonly (number | string)[]
}

/** Whether something can be taken for a tensor, as far as that shows from the outside. */
export function isTensorLike(value: unknown): value is TensorLike {
  if (ArrayBuffer.isView(value)) return !(value instanceof DataView)
  if (Array.isArray(value)) return !isObject(value[0])
  return isObject(value) && Array.isArray(value.shape) && ('values' in value || 'data' in value)
}

/**
 * A tensor of whatever was given for one, in the element type that is asked for: numbers are converted where none is changed
 * by it, save that floats are rounded to narrower ones. A flat typed array is cut into rows. What lies right already is not copied.
 * Throws `input.tensor` for what is none, `input.ragged`, `input.value` for a number that the type has not, and `tensor.*`.
 */
export async function tensorFrom(value: TensorLike, target: TensorTarget): Promise<Tensor> {
  const { values, shape, dtype } = await elementsOf(value, target.name)
  const wanted = target.dtype ?? dtype ?? 'float32'
  const flat = shape ?? rowsOf(values.length, target.shape) ?? [values.length]
  if (dtype === wanted && ArrayBuffer.isView(values)) return tensorOf(values, flat, wanted)
  return tensorOf(converted(values, wanted, target.name), flat, wanted)
}

interface Elements {
  readonly values: TensorArray | readonly (number | bigint | boolean | string)[]
  /** Absent: one axis, or rows of whatever is asked for. */
  readonly shape?: readonly number[]
  readonly dtype?: DType
}

async function elementsOf(value: TensorLike, name: string): Promise<Elements> {
  if (ArrayBuffer.isView(value)) return { values: value, dtype: tensorOf(value as TensorArray).dtype }
  if (Array.isArray(value)) return nested(value as readonly Nested[], name)
  if (!isTensorLike(value)) throw noTensor(name, value)
  if ('shape' in value && !('data' in value)) return shaped(value as Shaped)
  const { data, shape, dtype } = value as Tensor | TfTensor
  if (typeof data !== 'function') {
    if (dtype === 'string') throw userError('input.tensor', `${name}: give strings as a list`)
    return { values: typedArrayOf(value as Tensor), shape, dtype: dtype as DType }
  }
  const values = (await (value as TfTensor).data()) as TensorArray | readonly string[]
  return { values, shape, dtype: dtype as DType } // float32, int32, bool and string are called so there, too
}

function shaped({ values, shape, dtype }: Shaped): Elements {
  const own = dtype ?? (ArrayBuffer.isView(values) ? tensorOf(values).dtype : undefined)
  return { values, shape, ...(own !== undefined && { dtype: own }) }
}

function nested(value: readonly Nested[], name: string): Elements {
  const shape: number[] = []
  for (let at: Nested | undefined = value; Array.isArray(at); at = at[0] as Nested | undefined) shape.push(at.length)
  const values: (number | bigint | boolean | string)[] = []
  const gather = (list: readonly Nested[], axis: number): void => {
    if (list.length !== shape[axis])
      throw userError('input.ragged', `${name}: expected lists of ${shape[axis]}, found one of ${list.length}`)
    for (const each of list) {
      if (Array.isArray(each) !== axis + 1 < shape.length)
        throw userError('input.ragged', `${name}: expected lists that are ${shape.length} deep everywhere`)
      if (Array.isArray(each)) gather(each as readonly Nested[], axis + 1)
      else values.push(each as number)
    }
  }
  gather(value, 0)
  const dtype = dtypeOfList(values[0])
  return { values, shape, ...(dtype && { dtype }) }
}

function dtypeOfList(first: unknown): DType | undefined {
  if (typeof first === 'string') return 'string'
  if (typeof first === 'boolean') return 'bool'
  return typeof first === 'bigint' ? 'int64' : undefined
}

/** A flat array as rows of what is asked for; `undefined` where that cannot be told. */
function rowsOf(length: number, shape: TensorTarget['shape']): number[] | undefined {
  const row = shape?.slice(1)
  if (!row?.every((dim) => typeof dim === 'number')) return undefined
  const elements = row.reduce((product, dim) => product * dim, 1)
  return elements > 0 && length % elements === 0 ? [length / elements, ...row] : undefined
}

function converted(values: Elements['values'], dtype: DType, name: string): TensorArray | readonly string[] {
  if (dtype === 'string') {
    const wrong = Array.from(values as ArrayLike<unknown>).findIndex((value) => typeof value !== 'string')
    if (wrong >= 0) throw badValue(name, dtype, values[wrong], wrong)
    return values as readonly string[]
  }
  if (dtype === 'bfloat16')
    throw userError('input.tensor', `${name}: give bfloat16 as a tensor: tensorOf(words, shape, 'bfloat16')`)
  const tensor = { dtype, shape: [values.length], data: new Uint8Array(values.length * DTYPES[dtype]) }
  const into = typedArrayOf(tensor)
  const isFloat = dtype.startsWith('float')
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (typeof value === 'string') throw badValue(name, dtype, value, i)
    if (into instanceof BigInt64Array || into instanceof BigUint64Array) {
      const whole = typeof value === 'bigint' || Number.isInteger(Number(value))
      into[i] = whole ? BigInt(value) : 0n
      if (!whole || into[i] !== BigInt(value)) throw badValue(name, dtype, value, i)
    } else {
      into[i] = Number(value)
      const kept = isFloat || (into[i] === Number(value) && (dtype !== 'bool' || into[i]! <= 1))
      if (!kept) throw badValue(name, dtype, value, i)
    }
  }
  return into
}

function badValue(name: string, dtype: DType, value: unknown, at: number): AividaError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return userError('input.value', `${name}: expected ${dtype}, found ${shown} at place ${at}, which it cannot hold`, {
    input: name,
    at,
  })
}

function noTensor(name: string, value: unknown): AividaError {
  const found =
    value === null ? 'null' : typeof value === 'object' ? `{ ${Object.keys(value).join(', ')} }` : typeof value
  return userError(
    'input.tensor',
    `${name}: expected a tensor (of tf, a typed array, { values, shape } or lists of numbers), found ${found}`,
    { input: name },
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value)
}
