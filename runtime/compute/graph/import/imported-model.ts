import { userError } from '../../../base/index.ts'
import type { TensorSpec } from '../../../data/sources/signature.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import { OperatorCall } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import { type Model, opsetVersion } from '../onnx/model.ts'
import type { NodeProto } from '../onnx/onnx_pb.ts'
import { signature } from '../onnx/signature.ts'
import { attributesFrom } from './attributes.ts'
import { flatNodes } from './functions.ts'
import { REWRITES } from './rewrites.ts'
import { tensorFromProto, type WeightFiles } from './tensors.ts'

/** Operator sets whose differences from ours are known. */
const OPSETS = { from: 9, to: 24 } as const

/** A weight of an imported model. */
export interface ImportedParameter {
  /** As the file names it. */
  readonly name: string
  readonly tensor: Tensor
  /** `statistic`: the running mean or variance of a batch normalisation. */
  readonly role: 'parameter' | 'statistic'
}

/** How to take a model apart. */
export interface ImportOptions {
  /** The files that the model keeps its weights in, by the names that it has for them. Default: it has none. */
  readonly weights?: WeightFiles
  /** Whether a float32 initializer of more than one element is a weight. Default: see {@link importForTraining}. */
  readonly trainable?: (name: string, tensor: Tensor) => boolean
}

/** How to build an imported model's forward pass. */
export interface ImportedForward {
  /** Values for the model's inputs, by name, of concrete shapes. */
  readonly inputs: Readonly<Record<string, Value>>
  /** The value that stands for a weight: an input of the graph, or a constant. */
  readonly parameter: (parameter: ImportedParameter) => Value
  /** Builds a call in another way than the file says: undefined, as it says. Default: everything as it says. */
  readonly instead?: (call: OperatorCall) => readonly Value[] | undefined
}

/** A forward model whose weights can be trained. */
export interface ImportedModel {
  readonly model: Model
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly parameters: readonly ImportedParameter[]
  /**
   * Adds the forward pass to a graph; outputs by name. Throws `graph.unknown-op` naming node and operator for what has no
   * row in the table of operators, and what {@link GraphBuilder} throws.
   */
  forward(g: GraphBuilder, how: ImportedForward): Readonly<Record<string, Value>>
}

/**
 * Takes a forward ONNX model, for example one that `torch.onnx.export` wrote, apart into weights and operators, of opset
 * 9 to 24; functions of its own are inlined. float32 initializers of more than one element are weights, except masks (they
 * hold infinities) and the zeros that the dynamo exporter writes for a bias that the layer does not have; others are
 * constants. `trainable` decides otherwise, by name.
 *
 * Throws `graph.opset`, `model.unsupported-type`, `model.missing-weights`, `model.invalid`.
 */
export function importForTraining(model: Model, { weights = {}, trainable }: ImportOptions = {}): ImportedModel {
  const opset = opsetVersion(model)
  if (opset < OPSETS.from || opset > OPSETS.to)
    throw userError(
      'graph.opset',
      `expected a model of opset ${OPSETS.from} to ${OPSETS.to}, found ${opset}; export it with opset_version=18`,
      { opset },
    )
  const nodes = flatNodes(model)
  const statistics = new Set(
    nodes.filter(({ opType }) => opType === 'BatchNormalization').flatMap(({ input }) => input.slice(3, 5)),
  )
  const tensors = new Map(model.graph.initializer.map((proto) => [proto.name, tensorFromProto(proto, weights)]))
  const parameters: ImportedParameter[] = []
  for (const [name, tensor] of tensors)
    if (canBeWeight(tensor) && (trainable ?? isWeight)(name, tensor))
      parameters.push({ name, tensor, role: statistics.has(name) ? 'statistic' : 'parameter' })
  const { inputs, outputs } = signature(model)
  return {
    model,
    inputs,
    outputs,
    parameters,
    forward(g, how) {
      const values = new Map<string, Value>(Object.entries(how.inputs))
      for (const { name } of inputs)
        if (!values.has(name))
          throw userError('graph.input', `expected a value for the model's input ${name}, found none`)
      for (const parameter of parameters) values.set(parameter.name, how.parameter(parameter))
      for (const [name, tensor] of tensors) if (!values.has(name)) values.set(name, g.constant(tensor))
      for (const [i, node] of nodes.entries()) build(g, node, { i, values, weights, opset, how })
      return Object.fromEntries(outputs.map(({ name }) => [name, known(values, name, 'the outputs')]))
    },
  }
}

function canBeWeight({ dtype, shape }: Tensor): boolean {
  return dtype === 'float32' && shape.some((dim) => dim > 1)
}

function isWeight(name: string, tensor: Tensor): boolean {
  const values = typedArrayOf(tensor) as Float32Array
  const mask = values.some((value) => !(Math.abs(value) < MASKING))
  return !mask && !(UNNAMED.test(name) && values.every((value) => value === 0))
}

/** Exporters write the infinity of a mask as such, or as the largest float: 3.4e38. */
const MASKING = 1e30

/** How the dynamo exporter calls a value that has no name in PyTorch. */
const UNNAMED = /^val_\d+$/

interface Building {
  readonly i: number
  readonly values: Map<string, Value>
  readonly weights: WeightFiles
  readonly opset: number
  readonly how: ImportedForward
}

function build(g: GraphBuilder, node: NodeProto, { i, values, weights, opset, how }: Building): void {
  const { opType: op } = node
  const layer = node.name === '' ? `node ${i}` : node.name
  const attributes = attributesFrom(node.attribute, `${layer} (${op})`, weights)
  const inputs = node.input.map((name) => (name === '' ? undefined : known(values, name, layer)))
  const domain = node.domain === 'ai.onnx' ? '' : node.domain
  const outputs = g.within(layer, () => {
    const call = new OperatorCall({ op, inputs, attributes, layer })
    return how.instead?.(call) ?? REWRITES[op]?.(g, call, opset) ?? g.applyAll(op, inputs, attributes, domain)
  })
  node.output.forEach((name, at) => {
    if (name !== '' && outputs[at]) values.set(name, outputs[at])
  })
}

function known(values: ReadonlyMap<string, Value>, name: string, reader: string): Value {
  const value = values.get(name)
  if (!value)
    throw userError('model.invalid', `${reader}: reads ${name}, which no node before gives; export the model again`)
  return value
}
