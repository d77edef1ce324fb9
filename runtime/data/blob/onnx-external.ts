import { limit, userError } from '../../base/index.ts'

/** Messages of onnx.proto in which a tensor can lie, and the fields that lead to it. */
const NESTED: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
}
const MODEL_IR_VERSION = 1
const MODEL_GRAPH = 7
const TENSOR_DATA_LOCATION = 14
const ENTRY_KEY = 1
const ENTRY_VALUE = 2
/** Each graph inside a graph takes three messages: node, attribute, graph. */
const MAX_DEPTH = 3 * limit('modelDepth') + 4

/**
 * Names of the files in which an ONNX model keeps tensors, each once, as the model writes them: the `location` entries
 * of TensorProto.external_data (onnx.proto, ONNX 1.19). Throws `model.not-onnx`.
 */
export function externalDataNames(model: Uint8Array): string[] {
  const names = new Set<string>()
  const seen = walk(model, 'model', 0, names)
  if (!seen.has(MODEL_IR_VERSION) || !seen.has(MODEL_GRAPH)) throw notOnnx('it has no graph')
  return [...names]
}

/** Walks one message and returns the fields that it has. */
function walk(bytes: Uint8Array, kind: string, depth: number, names: Set<string>): Set<number> {
  if (depth > MAX_DEPTH) throw notOnnx(`graphs are nested deeper than ${limit('modelDepth')}`)
  const seen = new Set<number>()
  const places: string[] = []
  let external = false
  for (const { field, value, content } of fieldsOf(bytes)) {
    seen.add(field)
    const nested = NESTED[kind]?.[field]
    if (kind === 'tensor' && field === TENSOR_DATA_LOCATION) external = value === 1
    if (nested === 'entry' && content) places.push(...locationOf(content))
    else if (nested !== undefined && content) walk(content, nested, depth + 1, names)
  }
  if (external) for (const place of places) names.add(place)
  return seen
}

function locationOf(entry: Uint8Array): string[] {
  const texts = new Map(Array.from(fieldsOf(entry), ({ field, content }) => [field, content && TEXT.decode(content)]))
  const value = texts.get(ENTRY_VALUE)
  return texts.get(ENTRY_KEY) === 'location' && value !== undefined ? [value] : []
}

interface Field {
  readonly field: number
  /** Of a varint; 0 for any other. */
  readonly value: number
  /** Of a length-delimited field. */
  readonly content?: Uint8Array
}

/** Fields of a protobuf message (https://protobuf.dev/programming-guides/encoding/), as views. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < bytes.byteLength; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
      if (scale > 2 ** 63) break
    }
    throw notOnnx('a number has no end')
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.byteLength - at) throw notOnnx(`a field of ${length} bytes does not fit`)
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.byteLength) {
    const key = varint()
    const field = Math.floor(key / 8)
    const wire = key % 8
    if (wire === 0) yield { field, value: varint() }
    else if (wire === 2) yield { field, value: 0, content: take(varint()) }
    else if (wire === 1 || wire === 5) take(wire === 1 ? 8 : 4)
    else throw notOnnx(`wire type ${wire}`)
  }
}

const TEXT = new TextDecoder()

function notOnnx(what: string): Error {
  return userError('model.not-onnx', `expected an ONNX model, but ${what}; check that the file is one, and whole`)
}
