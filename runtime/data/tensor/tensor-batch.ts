import { Binary, type Data, type DataType, Field, Int32, List, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batch, data, offsetsOf } from './arrow-data.ts'
import { checkTensors, elementCount } from './check.ts'
import { inNameOrder, paddedBytes } from './encoding.ts'
import { stringOffsets } from './strings.ts'
import { DTYPES, type DType, type NamedTensors, type Tensor } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

const TENSOR_FIELDS = [
  new Field('name', new Utf8(), false),
  new Field('dtype', new Utf8(), false),
  new Field('shape', new List(new Field('item', new Int32(), false)), false),
  new Field('data', new Binary(), false),
]

/** Arrow keeps offsets into a Binary as Int32. */
const MAX_BINARY_BYTES = 2 ** 31 - 1

/**
 * Tensors as an Arrow record batch of one row each: `name`, `dtype`, `shape` (List<Int32>), `data` (Binary, each padded
 * to a multiple of 64 bytes), with schema metadata `aivida: tensors/1`. What `decodeTensors` gave is not copied.
 * Arrow's Binary holds at most 2 GiB: throws `tensor.limit`, and what `checkTensors` throws.
 */
export function toTensorBatch(tensors: NamedTensors): RecordBatch {
  checkTensors(tensors)
  const entries = inNameOrder(tensors)
  const sizes = entries.map(([, { data }]) => paddedBytes(data.byteLength))
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0)
  if (totalBytes > MAX_BINARY_BYTES)
    throw tensorError('limit', `${totalBytes} bytes of tensors, at most ${MAX_BINARY_BYTES} fit in one record batch`)
  const dims = entries.flatMap(([, { shape }]) => shape)
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
      valueOffsets: offsetsOf(entries.map(([, { shape }]) => shape.length)),
      child: data(new Int32(), dims.length, { data: Int32Array.from(dims) }),
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

function unpadded({ dtype, shape }: Omit<Tensor, 'data'>, padded: Uint8Array): Uint8Array {
  const count = elementCount(shape)
  return padded.subarray(0, dtype === 'string' ? stringOffsets(padded, count).at(-1) : count * DTYPES[dtype])
}

function textData(type: DataType, texts: readonly string[]): Data {
  return data(type, texts.length, {
    valueOffsets: offsetsOf(texts.map((text) => Buffer.byteLength(text))),
    data: Buffer.from(texts.join('')),
  })
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
