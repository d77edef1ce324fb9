import { userError } from '../../../base/index.ts'
import type { DType, Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import { DATA_TYPE_CODES } from '../onnx/onnx-codes.ts'
import { COMPOSITES } from '../operators/composed/index.ts'
import { OPERATORS } from '../operators/index.ts'
import { OperatorCall } from './operator.ts'
import { sameShape, shown } from './shapes.ts'
import type { Attributes, GraphNode, TensorType, Value } from './value.ts'

/**
 * What a graph is lowered for. `cpu`: onnxruntime's CPU kernels, all of them. `portable`: only operators that WebGPU,
 * CUDA, wasm and TF.js have as well.
 */
export type Target = 'cpu' | 'portable'

/** The gradient of a value as a formula, see {@link GraphBuilder.withGradient}. */
export interface OwnGradient {
  readonly inputs: readonly Value[]
  /** Gives undefined where `needs` says that nobody asks. */
  readonly rule: (d: Value, needs: (index: number) => boolean) => readonly (Value | undefined)[]
}

/**
 * Builds a graph of ONNX operators, opset 18, value by value. Types are inferred at once, so a mistake is told where it
 * is made, by layer and shapes. An equal call gives the same value: nothing is computed twice.
 *
 * Throws `graph.shape`, `graph.dtype`, `graph.attribute`, `graph.input`, `graph.dynamic`, `graph.unknown-op`.
 */
export class GraphBuilder {
  readonly target: Target
  /** What {@link withGradient} was told. */
  readonly ownGradients = new Map<Value, OwnGradient>()
  readonly #nodes: GraphNode[] = []
  readonly #inputs: Value[] = []
  readonly #constants = new Map<string, Value>()
  readonly #calls = new Map<string, readonly Value[]>()
  readonly #ids = new WeakMap<Value, number>()
  readonly #names = new Set<string>()
  readonly #layers: string[] = []
  #lastId = 0

  constructor(target: Target = 'cpu') {
    this.target = target
  }

  /** In the order in which they were built, which is one they can run in. */
  get nodes(): readonly GraphNode[] {
    return this.#nodes
  }

  get inputs(): readonly Value[] {
    return this.#inputs
  }

  /** A value the graph is given. Throws `graph.name-taken`, `graph.shape`. */
  input(name: string, type: TensorType): Value {
    if (this.#names.has(name))
      throw userError('graph.name-taken', `expected a new name for an input, found ${name}, which is taken`)
    if (type.shape.some((dim) => !Number.isSafeInteger(dim) || dim < 0))
      throw userError('graph.shape', `${name}: expected whole sizes of at least 0, found ${shown(type.shape)}`)
    const value = this.#value(name, type)
    this.#inputs.push(value)
    return value
  }

  /** A tensor as part of the graph; an equal small one is the same value. */
  constant(tensor: Tensor): Value {
    const { dtype, shape, data } = tensor
    const small = data.byteLength <= 256
    const key = small
      ? `${dtype}[${shape}]${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`
      : ''
    const same = this.#constants.get(key)
    if (same) return same
    const value = this.#value(this.unusedName('constant'), { dtype, shape }, { constant: tensor })
    if (small) this.#constants.set(key, value)
    return value
  }

  /** A scalar constant of a floating or integer type. Default dtype: `float32`. */
  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(scalarTensor(value, dtype))
  }

  /** An int64 constant of rank 1: axes, shapes, starts. */
  integers(values: readonly number[]): Value {
    return this.constant(tensorOf(BigInt64Array.from(values, BigInt)))
  }

  /** Values built inside belong to this layer: its path names them, in the file and in errors. */
  within<T>(layer: string, build: () => T): T {
    this.#layers.push(layer)
    try {
      return build()
    } finally {
      this.#layers.pop()
    }
  }

  /** The path of the layer that is being built. */
  get layer(): string {
    return this.#layers.join('/')
  }

  /** The first output of an operator. */
  apply(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}, domain = ''): Value {
    return this.applyAll(op, inputs, attributes, domain)[0]!
  }

  /** All outputs of an operator that its row of the table infers. */
  applyAll(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes = {},
    domain = '',
  ): readonly Value[] {
    const layer = this.layer
    const call = new OperatorCall({ op, inputs, attributes, layer })
    const key = this.#callKey(op, inputs, attributes)
    const same = this.#calls.get(key)
    if (same) return same
    const composed = COMPOSITES[op]?.(this, call)
    if (composed) {
      this.#calls.set(key, composed)
      return composed
    }
    const operator = OPERATORS[op]
    if (!operator)
      throw call.refuse('unknown-op', 'no rule for this operator; build it of others, or export the model without it')
    const types = operator.infer(call)
    const folded = operator.fold?.(call)
    const outputs = folded ? [this.constant(folded)] : this.#add({ op, domain, inputs, attributes, layer }, types)
    this.#calls.set(key, outputs)
    return outputs
  }

  /**
   * `value`, with a gradient of its own: where a formula is known that is shorter than the rules of the operators from
   * `inputs` to it. `rule` gives the gradients of `inputs` from that of `value`.
   */
  withGradient(value: Value, inputs: readonly Value[], rule: OwnGradient['rule']): Value {
    this.ownGradients.set(value, { inputs, rule })
    return value
  }

  /** A name that no value has yet, for messages and files. */
  unusedName(stem: string): string {
    const prefix = this.layer === '' ? stem : `${this.layer}/${stem}`
    let name = prefix
    for (let i = 2; this.#names.has(name); i++) name = `${prefix}_${i}`
    return name
  }

  #add(call: Omit<GraphNode, 'outputs'>, types: readonly TensorType[]): readonly Value[] {
    const outputs: Value[] = []
    const node: GraphNode = { ...call, outputs }
    for (const type of types) outputs.push(this.#value(this.unusedName(call.op), type, { producer: node }))
    this.#nodes.push(node)
    return outputs
  }

  #value(name: string, { dtype, shape }: TensorType, more: Pick<Value, 'producer' | 'constant'> = {}): Value {
    this.#names.add(name)
    const value: Value = { name, dtype, shape: [...shape], ...more }
    this.#ids.set(value, ++this.#lastId)
    return value
  }

  #callKey(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes): string {
    const ids = inputs.map((input) => {
      if (!input) return ''
      const id = this.#ids.get(input)
      if (id === undefined)
        throw userError('graph.foreign-value', `expected values of this graph, found ${input.name} of another one`)
      return id
    })
    const text = (_: string, value: unknown) =>
      typeof value === 'bigint'
        ? `${value}n`
        : ArrayBuffer.isView(value)
          ? Buffer.from(value as Uint8Array).toString('hex')
          : value
    return `${op}(${ids})${JSON.stringify(attributes, text)}`
  }

  // The operators that rules and layers are written with. Operands broadcast as in ONNX.

  /** `a + b`, element by element; shapes are broadcast. Throws `graph.shape`, `graph.dtype`, as all of these. */
  add(a: Value, b: Value): Value {
    return this.apply('Add', [a, b])
  }

  /** `a - b`. */
  sub(a: Value, b: Value): Value {
    return this.apply('Sub', [a, b])
  }

  /** `a * b`, element by element. */
  mul(a: Value, b: Value): Value {
    return this.apply('Mul', [a, b])
  }

  /** `a / b`. */
  div(a: Value, b: Value): Value {
    return this.apply('Div', [a, b])
  }

  /** `-a`. */
  neg(a: Value): Value {
    return this.apply('Neg', [a])
  }

  /** The square root of each element. */
  sqrt(a: Value): Value {
    return this.apply('Sqrt', [a])
  }

  /** `a * factor`. */
  scale(a: Value, factor: number): Value {
    return factor === 1 ? a : this.mul(a, this.scalar(factor, a.dtype))
  }

  /** `a + addend`. */
  shift(a: Value, addend: number): Value {
    return this.add(a, this.scalar(addend, a.dtype))
  }

  /** Matrix product over the last two axes; those before broadcast. */
  matmul(a: Value, b: Value): Value {
    return this.apply('MatMul', [a, b])
  }

  /** Of matrices: `op(a) op(b) + c`, where op transposes if told to. */
  gemm(
    a: Value,
    b: Value,
    { transA = false, transB = false, c }: { transA?: boolean; transB?: boolean; c?: Value } = {},
  ): Value {
    const attributes = { ...(transA && { transA: 1 }), ...(transB && { transB: 1 }) }
    return this.apply('Gemm', c ? [a, b, c] : [a, b], attributes)
  }

  /** The axes in another order: axis `i` of the result is axis `perm[i]` of `a`. */
  transpose(a: Value, perm: readonly number[]): Value {
    return perm.every((from, to) => from === to) ? a : this.apply('Transpose', [a], { perm: [...perm] })
  }

  /** The last two axes exchanged. */
  swapLast(a: Value): Value {
    const perm = a.shape.map((_, i) => i)
    const last = perm.length - 1
    return this.transpose(a, [...perm.slice(0, -2), last, last - 1])
  }

  /**
   * `-1` in one place stands for what is left. Layers write it for the batch, so that a graph that leaves for inference
   * takes any batch size.
   */
  reshape(a: Value, shape: readonly number[]): Value {
    return sameShape(a.shape, shape) ? a : this.apply('Reshape', [a, this.integers(shape)])
  }

  /** Broadcast to a shape. */
  expand(a: Value, shape: readonly number[]): Value {
    return sameShape(a.shape, shape) ? a : this.apply('Expand', [a, this.integers(shape)])
  }

  /** Sums over axes, which stay with size 1 if `keepDims` (default: true). Default axes: all. */
  sum(a: Value, axes?: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceSum', a, axes, keepDims)
  }

  /** As {@link sum}. */
  mean(a: Value, axes?: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceMean', a, axes, keepDims)
  }

  /** As {@link sum}. */
  max(a: Value, axes?: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceMax', a, axes, keepDims)
  }

  /** As another element type; floats are cut off towards zero for integers. */
  cast(a: Value, dtype: DType): Value {
    return a.dtype === dtype ? a : this.apply('Cast', [a], { to: DATA_TYPE_CODES[dtype] })
  }

  /** Along each axis named, from `starts` up to `ends` (exclusive) by `steps` (default: 1). */
  slice(
    a: Value,
    {
      axes,
      starts,
      ends,
      steps,
    }: Record<'axes' | 'starts' | 'ends', readonly number[]> & { steps?: readonly number[] },
  ): Value {
    const inputs = [a, this.integers(starts), this.integers(ends), this.integers(axes)]
    return this.apply('Slice', steps ? [...inputs, this.integers(steps)] : inputs)
  }

  /** One behind the other along an axis, which may count from the end. */
  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? values[0]! : this.apply('Concat', values, { axis })
  }

  /** Rows of a table `[n, classes]` with one `1` each, where `indexes` (int64, rank 1) points. */
  oneHot(indexes: Value, classes: number): Value {
    const depth = this.integers([classes])
    const values = this.constant(tensorOf(Float32Array.of(0, 1)))
    return this.apply('OneHot', [indexes, depth, values], { axis: -1 })
  }

  /** The sum of `a` over what broadcasting repeated, so that it has `shape`: the gradient of a broadcast operand. */
  unbroadcast(a: Value, shape: readonly number[]): Value {
    if (sameShape(a.shape, shape)) return a
    const added = a.shape.length - shape.length
    const axes = a.shape.flatMap((dim, axis) =>
      axis < added || (shape[axis - added] === 1 && dim !== 1) ? [axis] : [],
    )
    return this.reshape(axes.length > 0 ? this.sum(a, axes) : a, shape)
  }

  #reduce(op: string, a: Value, axes: readonly number[] | undefined, keepDims: boolean): Value {
    const attributes = { keepdims: keepDims ? 1 : 0 }
    return this.apply(op, axes ? [a, this.integers(axes)] : [a], attributes)
  }
}

function scalarTensor(value: number, dtype: DType): Tensor {
  const one = (array: Parameters<typeof tensorOf>[0]) => tensorOf(array, [], dtype)
  switch (dtype) {
    case 'float32':
      return one(Float32Array.of(value))
    case 'float64':
      return one(Float64Array.of(value))
    case 'int64':
      return one(BigInt64Array.of(BigInt(value)))
    case 'int32':
      return one(Int32Array.of(value))
    case 'bool':
      return one(Uint8Array.of(value))
    default:
      throw userError('graph.dtype', `expected float32, float64, int32, int64 or bool for a scalar, found ${dtype}`)
  }
}
