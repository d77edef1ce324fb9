import {
  Binary,
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
  List,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'
import { checkTensors, elementCount, tensorError } from './check.ts'
import { inNameOrder, paddedBytes } from './encoding.ts'
import { commonRowCount } from './rows.ts'
import { stringOffsets } from './strings.ts'
import { DTYPES, type DType, type NamedTensors, type Tensor } from './tensor.ts'
import { typedArrayOf } from './typed-array.ts'

const TENSOR_FIELDS = [
  new Field('name', new Utf8(), false),
  new Field('dtype', new Utf8(), false),
  new Field('shape', new List(new Field('item', new Int32(), false)), false),
  new Field('data', new Binary(), false),
]

/**
 * Tensors as an Arrow record batch of one row each: `name`, `dtype`, `shape` (List<Int32>), `data` (Binary, each padded
 * to a multiple of 64 bytes; schema metadata `aivida: tensors/1`). What `decodeTensors` gave is not copied, nor is a single tensor.
 * Arrow's Binary holds at most 2 GiB: throws `tensor.limit`, and what `checkTensors` throws.
 */
export function toTensorBatch(tensors: NamedTensors): RecordBatch {
  checkTensors(tensors)
  const entries = inNameOrder(tensors)
  const sizes = entries.map(([, { data }]) => paddedBytes(data.byteLength))
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0)
  if (totalBytes > MAX_BINARY_BYTES)
    throw tensorError('limit', `${totalBytes} bytes of tensors, at most ${MAX_BINARY_BYTES} fit in one record batch`)
  const shapes = entries.map(([, { shape }]) => shape)
  const [nameField, dtypeField, shapeField, dataField] = TENSOR_FIELDS as [Field, Field, Field, Field]
  const columns = [
    textData(
      nameField.type,
      entries.map(([name]) => name),
    ),
    textData(
      dtypeField.type,
      entries.map(([, { dtype }]) => dtype),
    ),
    data(shapeField.type, entries.length, {
      valueOffsets: offsetsOf(shapes.map((shape) => shape.length)),
      child: data(new Int32(), shapes.flat().length, { data: Int32Array.from(shapes.flat()) }),
    }),
    data(dataField.type, entries.length, {
      valueOffsets: offsetsOf(sizes),
      data: dataRegion(
        entries.map(([, tensor]) => tensor.data),
        totalBytes,
      ),
    }),
  ]
  return batch(new Schema(TENSOR_FIELDS, new Map([['aivida', 'tensors/1']])), entries.length, columns)
}

/**
 * The way back from {@link toTensorBatch}, over the batch's memory. For batches of this machine's own making: Arrow
 * metadata of a peer must never have been decoded. Throws `tensor.malformed`, and what `checkTensors` throws.
 */
export function fromTensorBatch(batch: RecordBatch): NamedTensors {
  if (batch.schema.metadata.get('aivida') !== 'tensors/1')
    throw tensorError('malformed', "expected a record batch with metadata aivida: 'tensors/1'")
  const [name, dtype, shape, bytes] = TENSOR_FIELDS.map((field) => batch.getChild(field.name))
  const tensors = Object.fromEntries(
    Array.from({ length: batch.numRows }, (_, i): [string, Tensor] => {
      const header = { dtype: dtype?.get(i) as DType, shape: Array.from<number>(shape?.get(i) ?? []) }
      return [name?.get(i), { ...header, data: unpadded(header, bytes?.get(i)) }]
    }),
  )
  checkTensors(tensors)
  return tensors
}

/**
 * Tensors that share axis 0 as a table: one row per row, one column per tensor. Rows of rank 1 and more become a
 * FixedSizeList marked `arrow.fixed_shape_tensor` (https://arrow.apache.org/docs/format/CanonicalExtensions.html),
 * which pyarrow reads as NumPy arrays (strings and bools as plain lists); `bfloat16` becomes Uint16 with metadata `aivida.dtype`. Numbers are not copied.
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

/** Record batches of one schema as an Arrow IPC file, in pieces; large buffers are views of the batches' memory. */
export async function* arrowFile(
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
): AsyncGenerator<Uint8Array> {
  const writer = new RecordBatchFileWriter()
  for await (const batch of batches) writer.write(batch)
  writer.finish()
  yield* writer
}

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

/** Arrow keeps offsets into a Binary as Int32. */
const MAX_BINARY_BYTES = 2 ** 31 - 1

function unpadded({ dtype, shape }: Omit<Tensor, 'data'>, padded: Uint8Array): Uint8Array {
  const count = elementCount(shape)
  return padded.subarray(0, dtype === 'string' ? stringOffsets(padded, count).at(-1) : count * DTYPES[dtype])
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

function textData(type: DataType, texts: readonly string[]): Data {
  return data(type, texts.length, {
    valueOffsets: offsetsOf(texts.map((text) => Buffer.byteLength(text))),
    data: Buffer.from(texts.join('')),
  })
}

/** Running sums: where each item begins, and where the last one ends. */
function offsetsOf(sizes: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizes.length + 1)
  sizes.forEach((size, i) => {
    offsets[i + 1] = offsets[i]! + size
  })
  return offsets
}

/** Padded tensors as one buffer: the one they already share when it holds just them, else a copy. */
function dataRegion(parts: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const first = parts[0]
  if (!first) return new Uint8Array()
  let at = first.byteOffset
  const adjacent = parts.every((part) => {
    const here = part.buffer === first.buffer && part.byteOffset === at && isZeroPadded(part)
    at += paddedBytes(part.byteLength)
    return here
  })
  if (adjacent) return new Uint8Array(first.buffer, first.byteOffset, totalBytes)
  const region = new Uint8Array(totalBytes)
  at = 0
  for (const part of parts) {
    region.set(part, at)
    at += paddedBytes(part.byteLength)
  }
  return region
}

/** Whether zeros follow up to the next tensor's place: what else may lie there is nobody's business. */
function isZeroPadded(part: Uint8Array): boolean {
  const end = part.byteOffset + part.byteLength
  const gap = paddedBytes(part.byteLength) - part.byteLength
  return end + gap <= part.buffer.byteLength && new Uint8Array(part.buffer, end, gap).every((byte) => byte === 0)
}

function batch(schema: Schema, rows: number, columns: Data[]): RecordBatch {
  return new RecordBatch(schema, data(new Struct(schema.fields), rows, { children: columns }) as Data<Struct>)
}

/** `makeData` for columns without nulls; its overloads can't follow a type that is known only at run time. */
function data(type: DataType, length: number, buffers: object): Data {
  return makeData({ type, length, nullCount: 0, ...buffers } as never) as Data
}
