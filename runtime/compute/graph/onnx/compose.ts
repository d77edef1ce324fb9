import { create } from '@bufbuild/protobuf'
import { userError } from '../../../base/index.ts'
import type { TensorSpec } from '../../../data/sources/signature.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { Model } from './model.ts'
import { type NodeSpec, nodeProto, valueInfoProto } from './node.ts'
import { GraphProtoSchema, ModelProtoSchema } from './onnx_pb.ts'

/** Nodes to put before a model: they compute inputs of the model, by those inputs' names, from new ones. */
export interface Preprocessing {
  /** Inputs the new model takes. Inputs of the model that no node computes stay as they are. */
  readonly inputs: readonly TensorSpec[]
  /** In the order they run. */
  readonly nodes: readonly NodeSpec[]
  /** Values the nodes use, by name. */
  readonly constants?: NamedTensors
}

/** Nodes to put after a model: they compute new outputs from any value of it. */
export interface Postprocessing {
  /** In the order they run. */
  readonly nodes: readonly NodeSpec[]
  readonly constants?: NamedTensors
  /** Everything the new model gives: values of the nodes or of the model. */
  readonly outputs: readonly TensorSpec[]
}

/**
 * A model that computes some of its inputs itself, for example floats from the bytes of a picture, so that less has to
 * be sent to it. The given model is left as it is; weights are shared.
 *
 * Throws `model.unknown-value`, `model.name-taken`.
 */
export function withPreprocessing(model: Model, { inputs, nodes, constants = {} }: Preprocessing): Model {
  const { graph } = model
  const added = [...constantNodes(constants), ...nodes]
  const computed = new Set(added.flatMap(({ outputs }) => outputs))
  const kept = graph.input.filter(({ name }) => !computed.has(name))
  if (kept.length === graph.input.length) {
    const expected = graph.input.map(({ name }) => name).join(', ')
    throw userError(
      'model.unknown-value',
      `expected nodes that compute an input of the model (${expected}), found ${[...computed].join(', ')}`,
    )
  }
  const others = [...kept, ...graph.initializer].map(({ name }) => name)
  checkValues(added, { read: [...inputs.map(({ name }) => name), ...others], taken: [...others, ...nodeValues(model)] })
  return withGraph(model, {
    node: [...added.map(nodeProto), ...graph.node],
    input: [...inputs.map(valueInfoProto), ...kept],
  })
}

/**
 * A model that boils its outputs down itself, for example to the index of the largest logit, so that less has to be
 * sent back. The given model is left as it is; weights are shared.
 *
 * Throws `model.unknown-value`, `model.name-taken`.
 */
export function withPostprocessing(model: Model, { nodes, constants = {}, outputs }: Postprocessing): Model {
  const { graph } = model
  const added = [...constantNodes(constants), ...nodes]
  const known = [...[...graph.input, ...graph.initializer].map(({ name }) => name), ...nodeValues(model)]
  const available = checkValues(added, { read: known, taken: known })
  for (const { name } of outputs) if (!available.has(name)) throw unknownValue(name, 'the outputs', available)
  return withGraph(model, { node: [...graph.node, ...added.map(nodeProto)], output: outputs.map(valueInfoProto) })
}

/** As nodes and not initializers: before IR 4 an initializer had to be an input too. */
function constantNodes(constants: NamedTensors): NodeSpec[] {
  return Object.entries(constants).map(([name, tensor]) => ({
    op: 'Constant',
    inputs: [],
    outputs: [name],
    attributes: { value: { tensor } },
  }))
}

function nodeValues({ graph }: Model): string[] {
  return graph.node.flatMap(({ output }) => output)
}

/** Every value is computed once, before it is read. */
function checkValues(nodes: readonly NodeSpec[], { read, taken }: Record<'read' | 'taken', readonly string[]>) {
  const available = new Set(read)
  const names = new Set([...read, ...taken])
  for (const { op, inputs, outputs } of nodes) {
    for (const name of inputs) if (name !== '' && !available.has(name)) throw unknownValue(name, op, available)
    for (const name of outputs) {
      if (names.has(name))
        throw userError('model.name-taken', `${op} gives ${name}, a value that exists already; name it otherwise`)
      available.add(name)
      names.add(name)
    }
  }
  return available
}

function unknownValue(name: string, reader: string, available: ReadonlySet<string>) {
  const last = [...available].slice(-5).join(', ')
  return userError(
    'model.unknown-value',
    `${reader} read ${name}, which no node before computes; there are ..., ${last}`,
  )
}

/** Shallow copies: a deep one would copy every weight. */
function withGraph(model: Model, change: Partial<Pick<Model['graph'], 'node' | 'input' | 'output'>>): Model {
  const graph = Object.assign(create(GraphProtoSchema), model.graph, change)
  return Object.assign(create(ModelProtoSchema), model, { graph })
}
