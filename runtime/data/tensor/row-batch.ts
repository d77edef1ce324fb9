import {
  Bool,
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  type RecordBatch,
  Schema,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'
import { batch, data } from './arrow-data.ts'
import { checkTensors, elementCount } from './check.ts'
import { commonRowCount } from './rows.ts'
import { stringOffsets } from './strings.ts'
import type { DType, NamedTensors, Tensor } from './tensor.ts'
import { typedArrayOf } from './typed-array.ts'

const ELEMENT_TYPES: Readonly<Record<DType, DataType>> = {
  float32: new Float32(),
  float64: new Float64(),
  float16: new Float16(),
  bfloat16: new Uint16(),
  int8: new Int8(),
  uint8: new Uint8(),
  int16: new Int16(),
  uint16: new Uint16(),
  int32: new Int32(),
  uint32: new Uint32(),
  int64: new Int64(),
  uint64: new Uint64(),
  bool: new Bool(),
  string: new Utf8(),
}

/**
 * Tensors that share axis 0 as a table: one row per row, one column per tensor. Rows of rank 1 and more become a
 * FixedSizeList marked `arrow.fixed_shape_tensor` (https://arrow.apache.org/docs/format/CanonicalExtensions.html),
 * which pyarrow reads as NumPy arrays (strings and bools as plain lists). `bfloat16` becomes Uint16 with metadata
 * `aivida.dtype`. Numbers are not copied.
 * Throws `tensor.shape`, and what `checkTensors` throws.
 */
export function toRowBatch(tensors: NamedTensors): RecordBatch {
  checkTensors(tensors)
  const rows = commonRowCount(tensors)
  const fields: Field[] = []
  const columns: Data[] = []
  for (const [name, tensor] of Object.entries(tensors)) {
    const rowShape = tensor.shape.slice(1)
    const metadata = new Map(tensor.dtype === 'bfloat16' ? [['aivida.dtype', 'bfloat16']] : [])
    const values = elementData(tensor)
    if (rowShape.length === 0) {
      fields.push(new Field(name, values.type, false, metadata))
      columns.push(values)
      continue
    }
    if (tensor.dtype !== 'string' && tensor.dtype !== 'bool') {
      metadata.set('ARROW:extension:name', 'arrow.fixed_shape_tensor')
      metadata.set('ARROW:extension:metadata', JSON.stringify({ shape: rowShape }))
    }
    const type = new FixedSizeList(elementCount(rowShape), new Field('item', values.type, false))
    fields.push(new Field(name, type, false, metadata))
    columns.push(data(type, rows, { child: values }))
  }
  return batch(new Schema(fields), rows, columns)
}

/** The elements of a tensor as one flat Arrow column. */
function elementData(tensor: Tensor): Data {
  const count = elementCount(tensor.shape)
  const type = ELEMENT_TYPES[tensor.dtype]
  if (tensor.dtype === 'string') return packedStrings(type, tensor.data, count)
  const values = typedArrayOf(tensor)
  if (tensor.dtype === 'bool') return data(type, count, { data: packedBits(tensor.data) })
  return data(type, count, {
    data: values instanceof Float16Array ? new Uint16Array(values.buffer, values.byteOffset, count) : values,
  })
}

/** Arrow's strings lie without their lengths between them. */
function packedStrings(type: DataType, bytes: Uint8Array, count: number): Data {
  const offsets = stringOffsets(bytes, count)
  const values = new Uint8Array(bytes.byteLength - 4 * count)
  for (let i = 0; i < count; i++) values.set(bytes.subarray(offsets[i]! + 4, offsets[i + 1]), offsets[i]! - 4 * i)
  return data(type, count, { valueOffsets: Int32Array.from(offsets, (offset, i) => offset - 4 * i), data: values })
}

/** Arrow's booleans are bits, the least significant first. */
function packedBits(bools: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(bools.length / 8))
  for (let i = 0; i < bools.length; i++) if (bools[i]) bits[i >> 3]! |= 1 << (i & 7)
  return bits
}
