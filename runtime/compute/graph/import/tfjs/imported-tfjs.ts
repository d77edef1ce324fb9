import { userError } from '../../../../base/index.ts'
import { elementCount } from '../../../../data/tensor/check.ts'
import type { NamedTensors } from '../../../../data/tensor/tensor.ts'
import { sameShape, shown } from '../../build/shapes.ts'
import type { TensorType, Value } from '../../build/value.ts'
import type { NamedValues, Network } from '../../layers/layer.ts'
import type { Scope } from '../../layers/scope.ts'
import { asGiven, given } from './arrangement.ts'
import { invalid, readArtifacts, type TfjsArtifacts, type TfjsModel } from './artifacts.ts'
import { Building } from './building.ts'
import { type ModelInput, readTopology } from './topology.ts'
import { type ImportedWeight, type TfjsWeight, Weights } from './weights.ts'

/** What the inputs and outputs of an imported model are called. */
export interface ImportTfjsOptions {
  /** In the model's order: the columns of the data. Default: names of the input layers (`conv2d_Conv2D1_input`). */
  readonly inputs?: readonly string[]
  /** In the model's order. Default: names of the layers that they come from. */
  readonly outputs?: readonly string[]
}

/** A Layers model of TensorFlow.js as a network that `trainingStep`, `frozen` and `lora` take. */
export interface ImportedTfjs {
  /** Its parameters have the names that TensorFlow.js gives them: `dense_Dense1/kernel`. */
  readonly network: Network
  /** Types of one sample, as TensorFlow.js takes it: pictures with channels last. Integers may be given for floats. */
  readonly inputs: Readonly<Record<string, TensorType>>
  readonly outputs: readonly string[]
  /** In the order of `model.weights`; kernels lie as ONNX has them. */
  readonly weights: readonly ImportedWeight[]
  /**
   * Weights of a trained state for `model.setWeights(weights.map(({ values, shape }) => tf.tensor(values, shape)))`.
   * Throws `graph.state` for a state of adapters.
   */
  readonly toTfjsWeights: (state: NamedTensors) => TfjsWeight[]
}

/**
 * A model written with `tf.sequential()` or `tf.model()`, live or as it was saved (`tf.io.ModelArtifacts`). It is trained
 * from the weights it has; layers with `trainable: false` are frozen, and L1 and L2 penalties are part of the loss.
 *
 * Throws `tfjs.invalid` for what is no Layers model, `tfjs.missing-weight`, `tfjs.unsupported-weight`, `tfjs.unsupported`
 * for a setting that has no counterpart here, `graph.unknown-layer` for a layer without a rule, `graph.dynamic`.
 */
export async function importTfjs(
  source: TfjsModel | TfjsArtifacts,
  { inputs, outputs }: ImportTfjsOptions = {},
): Promise<ImportedTfjs> {
  const artifacts = await readArtifacts(source)
  const weights = new Weights(artifacts)
  const model = readTopology(artifacts.topology, weights)
  weights.checkAllTaken()
  const inputNames = named(
    'inputs',
    model.inputs.map(({ name }) => name),
    inputs,
  )
  const outputNames = named('outputs', told(model.outputs), outputs)
  return {
    network: (s, batch) => {
      const values = model.inputs.map((input, i) => given(fed(s, batch, input, inputNames[i]!)))
      const made = model.build(new Building(s), values)
      return Object.fromEntries(made.map((value, i) => [outputNames[i]!, asGiven(s.g, value)]))
    },
    inputs: Object.fromEntries(model.inputs.map(({ dtype, shape }, i) => [inputNames[i]!, { dtype, shape }])),
    outputs: outputNames,
    weights: weights.all,
    toTfjsWeights: (state) => weights.toTfjs(state),
  }
}

function named(what: string, own: readonly string[], asked: readonly string[] = own): readonly string[] {
  if (asked.length !== own.length || new Set(asked).size !== own.length)
    throw invalid(
      `expected ${own.length} names that differ for the model's ${what} (${own.join(', ')}), found ${asked.join(', ')}`,
    )
  return asked
}

/** Names apart: a layer may be an output more than once. */
function told(names: readonly string[]): string[] {
  return names.map((name, i) => {
    const before = names.slice(0, i).filter((other) => other === name).length
    return before === 0 ? name : `${name}_${before}`
  })
}

/** An input of the batch as the model takes it. */
function fed({ g }: Scope, batch: NamedValues, { dtype, shape, batch: fixed }: ModelInput, name: string): Value {
  const value = batch[name]
  if (!value)
    throw userError(
      'graph.input',
      `expected the model's input ${name} among the columns, found ${Object.keys(batch).join(', ')}; name the columns so, or the inputs by importTfjs(model, { inputs: [...] })`,
    )
  const [size, ...sample] = value.shape
  if (fixed !== null && fixed !== size)
    throw userError(
      'graph.batch',
      `expected batches of ${fixed} for ${name}, as the model fixes them, found ${size}; leave its batch open, or train with batches of ${fixed}`,
    )
  // A channel more or less is no other sample.
  const wide = (dims: readonly number[]) => dims.filter((dim) => dim !== 1)
  if (!sameShape(wide(sample), wide(shape)) || elementCount(sample) !== elementCount(shape))
    throw userError(
      'graph.shape',
      `expected samples of shape ${shown(shape)} for ${name}, found ${shown(sample)}; TensorFlow.js has channels last`,
    )
  return g.cast(g.reshape(value, [-1, ...shape]), dtype)
}
