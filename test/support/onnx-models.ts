/**
 * Small ONNX models written by hand, field by field (onnx.proto, ONNX 1.19), so that tests need no binary fixtures and can write
 * what an honest exporter never would.
 */
import type { DType } from '../../runtime/data/tensor/tensor.ts'

/** One encoded protobuf field. */
export type Field = Uint8Array

const ONNX_TYPES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

/** A base-128 varint; negative numbers take ten bytes, as protobuf's int64 does. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}

/** A field: numbers as varints, the rest length-delimited. */
export function field(number: number, value: number | string | Uint8Array | readonly Field[]): Field {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)])
  const bytes =
    value instanceof Uint8Array ? value : Buffer.concat(typeof value === 'string' ? [Buffer.from(value)] : value)
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.byteLength), bytes])
}

/** What an attribute of a node may hold here. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: Field[] }
  | { readonly graph: Field[] }

function attribute(name: string, value: Attribute): Field[] {
  const head = field(1, name)
  if (typeof value === 'number') return [head, field(3, value), field(20, 2)]
  if (typeof value === 'string') return [head, field(4, value), field(20, 3)]
  if ('float' in value) {
    const bits = Buffer.alloc(4)
    bits.writeFloatLE(value.float)
    return [head, Buffer.concat([varint((2 << 3) | 5), bits]), field(20, 1)]
  }
  if ('tensor' in value) return [head, field(5, value.tensor), field(20, 4)]
  if ('graph' in value) return [head, field(6, value.graph), field(20, 5)]
  return [head, ...value.map((item) => field(8, item)), field(20, 7)]
}

/** How to make a node. */
export interface NodeInit {
  readonly op: string
  readonly inputs?: readonly string[]
  readonly outputs?: readonly string[]
  readonly name?: string
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** NodeProto. */
export function node(init: NodeInit): Field[] {
  return [
    ...(init.inputs ?? []).map((name) => field(1, name)),
    ...(init.outputs ?? []).map((name) => field(2, name)),
    field(3, init.name ?? ''),
    field(4, init.op),
    ...Object.entries(init.attributes ?? {}).map(([name, value]) => field(5, attribute(name, value))),
    field(7, init.domain ?? ''),
  ]
}

/** TensorProto: inline bytes, or a place in an external file. */
export function tensor(
  name: string,
  dtype: DType,
  shape: readonly number[],
  data: Uint8Array | Readonly<Record<string, string>>,
): Field[] {
  const content =
    data instanceof Uint8Array
      ? [field(9, data)]
      : [...Object.entries(data).map(([key, value]) => field(13, [field(1, key), field(2, value)])), field(14, 1)]
  return [...shape.map((dim) => field(1, dim)), field(2, ONNX_TYPES[dtype]), field(8, name), ...content]
}

/** ValueInfoProto of a tensor; a string is a symbolic dimension, and without a shape it may have any. */
export function value(name: string, dtype: DType, shape?: readonly (number | string)[]): Field[] {
  const dims = shape?.map((dim) => field(1, [typeof dim === 'number' ? field(1, dim) : field(2, dim)]))
  return [field(1, name), field(2, [field(1, [field(1, ONNX_TYPES[dtype]), ...(dims ? [field(2, dims)] : [])])])]
}

/** How to make a graph. */
export interface GraphInit {
  readonly nodes: readonly NodeInit[]
  readonly inputs?: readonly Field[][]
  readonly outputs?: readonly Field[][]
  readonly initializers?: readonly Field[][]
}

/** GraphProto. */
export function graph(init: GraphInit): Field[] {
  return [
    ...init.nodes.map((each) => field(1, node(each))),
    field(2, 'test'),
    ...(init.initializers ?? []).map((each) => field(5, each)),
    ...(init.inputs ?? []).map((each) => field(11, each)),
    ...(init.outputs ?? []).map((each) => field(12, each)),
  ]
}

/** A whole model: IR version 8, default domain at opset 17 unless told otherwise; `extra` fields come last. */
export function model(init: GraphInit, extra: readonly Field[] = [], opset = 17): Uint8Array {
  return Buffer.concat([field(1, 8), field(7, graph(init)), field(8, [field(1, ''), field(2, opset)]), ...extra])
}

/** `y = x` for one dtype. */
export function identityModel(dtype: DType, shape: readonly (number | string)[] = ['n']): Uint8Array {
  return model({
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'], name: 'copy' }],
    inputs: [value('x', dtype, shape)],
    outputs: [value('y', dtype, shape)],
  })
}

/** `sum = a + b`, both `[n, 3] f32`. */
export function addModel(): Uint8Array {
  return model({
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'], name: 'add' }],
    inputs: [value('a', 'float32', ['n', 3]), value('b', 'float32', ['n', 3])],
    outputs: [value('sum', 'float32', ['n', 3])],
  })
}

/** `x @ x @ x ...`: `[n, n] f32`, `2 n^3 length` operations: as long a run as a test needs. */
export function matMulChain(length: number): Uint8Array {
  return model({
    nodes: Array.from({ length }, (_, i) => ({
      op: 'MatMul',
      inputs: [i === 0 ? 'x' : `y${i}`, 'x'],
      outputs: [i === length - 1 ? 'y' : `y${i + 1}`],
    })),
    inputs: [value('x', 'float32', ['n', 'n'])],
    outputs: [value('y', 'float32', ['n', 'n'])],
  })
}

/** `y = Expand(x, shape)` of this rank: memory by the shape that is asked for. */
export function expandModel(rank = 1): Uint8Array {
  return model({
    nodes: [{ op: 'Expand', inputs: ['x', 'shape'], outputs: ['y'] }],
    inputs: [value('x', 'float32', [1]), value('shape', 'int64', [rank])],
    outputs: [
      value(
        'y',
        'float32',
        Array.from({ length: rank }, (_, i) => `n${i}`),
      ),
    ],
  })
}

/** The bytes of a float32 tensor. */
export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

/**
 * What a determinism class is proven with: Conv, MaxPool, Gemm, Softmax, ReduceSum and ArgMax on `x [4, 3, 16, 16] f32`.
 * Weights are sines that the engine folds into constants when it loads, so that the graph stays small and is still
 * packed and laid out like a real one.
 */
export function probeModel(): Uint8Array {
  const ints = (...values: number[]) => new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
  const sines = (name: string): NodeInit[] => [
    { op: 'Range', inputs: ['zero', `${name}.count`, 'step'], outputs: [`${name}.angles`] },
    { op: 'Sin', inputs: [`${name}.angles`], outputs: [`${name}.sines`] },
    { op: 'Reshape', inputs: [`${name}.sines`, `${name}.shape`], outputs: [name] },
  ]
  const sizes = (name: string, ...shape: number[]): Field[][] => [
    tensor(`${name}.count`, 'float32', [], floats(shape.reduce((all, dim) => all * dim, 0.7))),
    tensor(`${name}.shape`, 'int64', [shape.length], ints(...shape)),
  ]
  return model({
    nodes: [
      ...sines('kernel'),
      ...sines('matrix'),
      { op: 'Conv', inputs: ['x', 'kernel'], outputs: ['conv'], attributes: { pads: [1, 1, 1, 1] } },
      { op: 'MaxPool', inputs: ['conv'], outputs: ['pool'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      { op: 'Flatten', inputs: ['pool'], outputs: ['flat'] },
      { op: 'Gemm', inputs: ['flat', 'matrix'], outputs: ['scores'], attributes: { alpha: { float: 0.02 } } },
      { op: 'Softmax', inputs: ['scores'], outputs: ['odds'] },
      { op: 'ReduceSum', inputs: ['conv'], outputs: ['total'] },
      { op: 'ArgMax', inputs: ['odds'], outputs: ['best'], attributes: { axis: 1 } },
    ],
    inputs: [value('x', 'float32', [4, 3, 16, 16])],
    outputs: [
      value('odds', 'float32', [4, 32]),
      value('total', 'float32', [1, 1, 1, 1]),
      value('best', 'int64', [4, 1]),
    ],
    initializers: [
      tensor('zero', 'float32', [], floats(0)),
      tensor('step', 'float32', [], floats(0.7)),
      ...sizes('kernel', 16, 3, 3, 3),
      ...sizes('matrix', 1024, 32),
    ],
  })
}
