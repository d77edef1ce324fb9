import { userError } from '../../../../base/index.ts'
import { elementCount } from '../../../../data/tensor/check.ts'
import type { NamedTensors, Tensor } from '../../../../data/tensor/tensor.ts'
import { tensorOf, typedArrayOf } from '../../../../data/tensor/typed-array.ts'
import { inversePermutation, sameShape, shown } from '../../build/shapes.ts'
import type { ParameterKind } from '../../layers/parameters.ts'
import { invalid, type ReadArtifacts, type WeightSpec } from './artifacts.ts'

/** Bytes of an element, of those types whose weights may lie between others. */
const SIZES: Readonly<Record<string, number>> = { float32: 4, int32: 4, uint32: 4, bool: 1, uint8: 1, float16: 2 }

/** How a weight lies here. */
export interface WeightForm {
  /** Order of the axes that TensorFlow.js has. Default: the same. */
  readonly order?: readonly number[]
  /** Shape after that, of as many elements. Default: what the order gives. */
  readonly shape?: readonly number[]
  /** Default: `weight`. */
  readonly kind?: ParameterKind
}

/** Penalties on a weight that are part of the loss (Keras `L1L2`): `l1 sum |w| + l2 sum w^2`. */
export interface Penalty {
  readonly l1: number
  readonly l2: number
}

/** A weight of an imported model. */
export interface ImportedWeight {
  /** As TensorFlow.js has it: `dense_Dense1/kernel`. */
  readonly name: string
  /** float32, as it lies here. */
  readonly tensor: Tensor
  readonly kind: ParameterKind
  readonly trained: boolean
  readonly penalty: Penalty | undefined
}

/** A weight as TensorFlow.js takes it: `tf.tensor(values, shape)`. */
export interface TfjsWeight {
  readonly name: string
  readonly shape: number[]
  readonly values: Float32Array
}

interface Stored {
  readonly spec: WeightSpec
  readonly tensor: Tensor
}

interface Taken {
  readonly weight: ImportedWeight
  readonly order: readonly number[]
}

/** The weights of a saved model, by their names there. */
export class Weights {
  readonly #stored: readonly Stored[]
  readonly #trained: ReadonlySet<string> | undefined
  readonly #taken = new Map<string, Taken>()

  /** Throws `tfjs.invalid`, `tfjs.unsupported-weight`. */
  constructor({ specs, data, trained }: ReadArtifacts) {
    this.#stored = storedWeights(specs, data)
    this.#trained = trained
  }

  /** Those that layers took, in the order of the file. */
  get all(): readonly ImportedWeight[] {
    return this.#stored.flatMap(({ spec }) => this.#taken.get(spec.name)?.weight ?? [])
  }

  /**
   * The weight `own` of the layer that is called one of `layers`. Throws `tfjs.missing-weight`.
   */
  take(
    layers: readonly string[],
    own: string,
    {
      form,
      trainable,
      penalty,
    }: { readonly form: WeightForm; readonly trainable: boolean; readonly penalty?: Penalty | undefined },
  ): ImportedWeight {
    const { spec, tensor } = this.#find(layers, own)
    const known = this.#taken.get(spec.name)
    if (known) return known.weight
    const order = form.order ?? spec.shape.map((_, axis) => axis)
    if (order.length !== spec.shape.length)
      throw invalid(`expected ${spec.name} to have ${order.length} axes, found ${shown(spec.shape)}`)
    const moved = permuted(tensor, order)
    const weight = {
      name: spec.name,
      tensor: { ...moved, shape: form.shape ?? moved.shape },
      kind: form.kind ?? 'weight',
      trained: trainable && (this.#trained?.has(spec.name) ?? true),
      penalty,
    }
    this.#taken.set(spec.name, { weight, order })
    return weight
  }

  /** The shape that a weight has in TensorFlow.js. Throws `tfjs.missing-weight`. */
  shapeOf(layers: readonly string[], own: string): readonly number[] {
    return this.#find(layers, own).spec.shape
  }

  /** Throws `tfjs.invalid` for weights that no layer asked for. */
  checkAllTaken(): void {
    const left = this.#stored.find(({ spec }) => !this.#taken.has(spec.name))
    if (left) throw invalid(`expected weights of the model's layers, found ${left.spec.name}, which none has`)
  }

  /**
   * The weights of a state as TensorFlow.js has them, in the order of `model.weights`; those that are not part of the state
   * as they came. Throws `graph.state`.
   */
  toTfjs(state: NamedTensors): TfjsWeight[] {
    const adapter = Object.keys(state).find((name) => name.endsWith('.lora_a'))
    if (adapter !== undefined)
      throw userError(
        'graph.state',
        `expected the weights of a model that was trained whole, found the adapter ${adapter}; export the model by inference(), which merges adapters`,
      )
    return this.#stored.map(({ spec, tensor: original }) => {
      const { name, shape } = spec
      const { order, weight } = this.#taken.get(name)!
      const tensor = state[name]
      if (tensor && !sameShape(tensor.shape, weight.tensor.shape))
        throw userError(
          'graph.state',
          `expected ${name} of shape ${shown(weight.tensor.shape)} in the state, found ${shown(tensor.shape)}`,
        )
      const back = tensor
        ? permuted({ ...tensor, shape: order.map((axis) => shape[axis]!) }, inversePermutation(order))
        : original
      return { name, shape: [...shape], values: Float32Array.from(typedArrayOf(back) as Float32Array) }
    })
  }

  #find(layers: readonly string[], own: string): Stored {
    for (const layer of layers) {
      const exact = this.#stored.find(({ spec }) => spec.name === `${layer}/${own}`)
      if (exact) return exact
    }
    // Keras puts the names of the models around a layer before its own.
    const ending = this.#stored.filter(({ spec }) => layers.some((layer) => spec.name.endsWith(`/${layer}/${own}`)))
    if (ending.length === 1) return ending[0]!
    throw userError(
      'tfjs.missing-weight',
      `expected ${ending.length === 0 ? 'a weight' : 'one weight'} ${layers[0]}/${own}, found ${ending.length === 0 ? `none (there are ${this.#stored.map(({ spec }) => spec.name).join(', ')})` : ending.map(({ spec }) => spec.name).join(', ')}; save the model again, with layers whose names differ`,
    )
  }
}

/** The model's own weights; what an optimiser keeps lies behind them. */
function storedWeights(specs: readonly WeightSpec[], data: Uint8Array): Stored[] {
  const stored: Stored[] = []
  const names = new Set<string>()
  let offset = 0
  for (const spec of specs) {
    const { name, shape, dtype, group, quantization } = spec
    if (names.has(name))
      throw invalid(
        `expected weights whose names differ, found ${name} twice; give the layers of nested models other names`,
      )
    names.add(name)
    const size = SIZES[dtype]
    const isModels = group !== 'optimizer'
    if (size === undefined || quantization !== undefined || (isModels && dtype !== 'float32'))
      throw userError(
        'tfjs.unsupported-weight',
        `${name}: expected float32, found ${quantization === undefined ? dtype : 'a quantized weight'}; save the model as it was trained`,
      )
    const end = offset + elementCount(shape) * size
    if (end > data.byteLength)
      throw invalid(`${name}: expected bytes ${offset} to ${end} in weightData, which has ${data.byteLength}`)
    if (isModels) stored.push({ spec, tensor: { dtype: 'float32', shape, data: data.subarray(offset, end) } })
    offset = end
  }
  return stored
}

/** A float32 tensor with its axes in another order. */
function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  if (order.every((from, to) => from === to)) return tensor
  const from = typedArrayOf(tensor) as Float32Array
  const strides = tensor.shape.map((_, axis) => elementCount(tensor.shape.slice(axis + 1)))
  const shape = order.map((axis) => tensor.shape[axis]!)
  const to = new Float32Array(from.length)
  const place = shape.map(() => 0)
  let source = 0
  for (let i = 0; i < to.length; i++) {
    to[i] = from[source]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[order[axis]!]!
      place[axis]!++
      source += stride
      if (place[axis]! < shape[axis]!) break
      source -= stride * shape[axis]!
      place[axis] = 0
    }
  }
  return tensorOf(to, shape)
}
