import { limit } from '../../base/limits.ts'
import { ENTRY, SPARSE_TENSOR, TENSOR } from './onnx-fields.ts'
import type { ProtobufReader } from './protobuf.ts'
import { Once, refused } from './refusal.ts'

/** Sizes in bytes of the files that external data may lie in, by the name the graph knows them under. */
export type WeightSizes = Readonly<Record<string, number>>

/** Bits an element takes, by TensorProto.DataType; strings (8) vary. */
const BITS: Readonly<Record<number, number>> = {
  ...{ 1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 8: 0, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128 },
  ...{ 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2 },
}
const STRING = 8
/** The densest inline form holds four 2-bit elements a byte. */
const ELEMENTS_PER_BYTE = 4

/** A tensor of the model as declared. */
export interface ScannedTensor {
  readonly name: string
  readonly sizeBytes: number
}

/**
 * Checks the TensorProto that `parent` stands on: dimensions, element type, and that what it declares is really there - inline or inside one
 * of `weights`. Throws `model.refused` (`dims`, `type`, `size`, `external-data`, `duplicate`).
 */
export function scanTensor(parent: ProtobufReader, where: string, weights: WeightSizes): ScannedTensor {
  const reader = parent.message()
  const messageBytes = parent.size
  const once = new Once(where)
  let [name, elements, rank, dataType, external] = ['', 1, 0, 0, false]
  const place = new Map<string, string>()
  while (reader.next())
    switch (reader.field) {
      case TENSOR.dims:
        for (const dim of reader.integers()) {
          if (dim < 0) throw refused('dims', where, `negative dimension ${dim}`)
          if (++rank > limit('tensorRank')) throw refused('dims', where, `more than ${limit('tensorRank')} dimensions`)
          elements *= dim
        }
        break
      case TENSOR.dataType:
        once.check(TENSOR.dataType)
        dataType = reader.value
        break
      case TENSOR.segment:
        throw refused('type', where, 'segmented tensors are not read')
      case TENSOR.name:
        name = reader.text()
        break
      case TENSOR.externalData:
        readEntry(reader.message(), place, where)
        external = true
        break
      case TENSOR.dataLocation:
        external ||= reader.value !== 0
        break
    }
  const bits = BITS[dataType]
  const at = name ? `${where}, tensor "${name}"` : where
  if (bits === undefined) throw refused('type', at, `unknown element type ${dataType}`)
  if (elements > Number.MAX_SAFE_INTEGER / 16) throw refused('size', at, `${elements} elements`)
  const sizeBytes = dataType === STRING ? messageBytes : Math.ceil((elements * bits) / 8)
  if (external) checkPlace(place, dataType === STRING ? undefined : sizeBytes, at, weights)
  else if (elements > messageBytes * ELEMENTS_PER_BYTE)
    throw refused('size', at, `declares ${elements} elements but carries ${messageBytes} bytes`)
  return { name, sizeBytes }
}

/** Checks the SparseTensorProto that `parent` stands on: its values and indices are tensors like any other. Returns their declared bytes. */
export function scanSparseTensor(parent: ProtobufReader, where: string, weights: WeightSizes): number {
  const once = new Once(where)
  const reader = parent.message()
  let sizeBytes = 0
  let elements = 1
  while (reader.next()) {
    if (reader.field === SPARSE_TENSOR.dims)
      for (const dim of reader.integers()) {
        if (dim < 0) throw refused('dims', where, `negative dimension ${dim}`)
        elements *= dim
      }
    else if (reader.field === SPARSE_TENSOR.values || reader.field === SPARSE_TENSOR.indices) {
      once.check(reader.field)
      sizeBytes += scanTensor(reader, where, weights).sizeBytes
    }
  }
  // The engine makes it dense when it loads.
  if (elements * 16 > limit('modelBytes')) throw refused('size', where, `a sparse tensor of ${elements} elements`)
  return Math.max(sizeBytes, elements)
}

function readEntry(reader: ProtobufReader, into: Map<string, string>, where: string): void {
  let [key, value] = ['', '']
  while (reader.next()) {
    if (reader.field === ENTRY.key) key = reader.text()
    else if (reader.field === ENTRY.value) value = reader.text()
  }
  if (!['location', 'offset', 'length', 'checksum'].includes(key) || into.has(key))
    throw refused('external-data', where, `unexpected entry "${key}"`)
  into.set(key, value)
}

function checkPlace(
  place: ReadonlyMap<string, string>,
  sizeBytes: number | undefined,
  where: string,
  weights: WeightSizes,
): void {
  const location = place.get('location') ?? ''
  const problem = unsafeName(location)
  if (problem) throw refused('external-data', where, `file "${location}" ${problem}`)
  const fileBytes = Object.hasOwn(weights, location) ? weights[location]! : undefined
  if (fileBytes === undefined)
    throw refused('external-data', where, `file "${location}" is not among the weights that came with the model`)
  if (sizeBytes === undefined) throw refused('external-data', where, 'strings cannot lie in a file')
  const offset = count(place.get('offset') ?? '0')
  const length = count(place.get('length') ?? String(sizeBytes))
  if (length !== sizeBytes || !(offset + length <= fileBytes))
    throw refused(
      'external-data',
      where,
      `needs ${sizeBytes} bytes; it names ${place.get('length') ?? 'the'} bytes from ${place.get('offset') ?? 0} of "${location}", which holds ${fileBytes}`,
    )
}

/** What is wrong with a weight file's name; `undefined` for a plain relative one that stays in its folder. */
export function unsafeName(name: string): string | undefined {
  if (/^([/\\]|[A-Za-z]:)/.test(name)) return 'is an absolute path; name a file beside the model'
  if (name.split(/[/\\]/).includes('..')) return 'leaves the folder of the model'
  if (name === '' || /[\\\p{Cc}]|(^|\/)\.?(\/|$)/u.test(name)) return 'is not a plain relative file name'
  return undefined
}

const count = (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN)
