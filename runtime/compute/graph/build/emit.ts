import { create } from '@bufbuild/protobuf'
import { userError } from '../../../base/index.ts'
import type { Dimension } from '../../../data/sources/signature.ts'
import type { Model } from '../onnx/model.ts'
import { nodeProto, tensorProto, valueInfoProto } from '../onnx/node.ts'
import { GraphProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema } from '../onnx/onnx_pb.ts'
import { OPERATORS } from '../operators/index.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { OPSET } from './operator.ts'
import type { GraphNode, Value } from './value.ts'

/** What to write of a graph. */
export interface EmitOptions {
  /** Values to give, by the names they are given under. */
  readonly outputs: Readonly<Record<string, Value>>
  /** Inputs to leave standing even if nothing reads them. Default: only those that are read. */
  readonly keepInputs?: boolean
  /**
   * Writes axis 0 of inputs and outputs as this symbol: for graphs whose layers leave the batch open (see
   * {@link GraphBuilder.reshape}). Default: the size it was built with.
   */
  readonly batch?: string
  /** Inputs and outputs whose axis 0 is not the batch, with `batch`. */
  readonly fixed?: ReadonlySet<Value>
}

/** A graph as an ONNX model: what its outputs need and no more. Equal graphs give equal bytes. */
export function emit(g: GraphBuilder, { outputs, keepInputs = false, batch, fixed }: EmitOptions): Model {
  const names = new Map<Value, string>()
  const direct = new Set<string>()
  for (const [name, value] of Object.entries(outputs))
    if (value.producer && !names.has(value)) {
      names.set(value, name)
      direct.add(name)
    }
  const taken = new Set([...g.inputs.map(({ name }) => name), ...Object.keys(outputs)])
  const nameOf = (value: Value): string => {
    const name = names.get(value) ?? value.name
    return !names.has(value) && value.producer && taken.has(name) ? `${name}.inner` : name
  }
  const needed = neededNodes(g, Object.values(outputs))
  const asked = new Set(Object.values(outputs))
  const constants = new Set<Value>()
  const read = new Set<Value>()
  for (const { inputs } of needed)
    for (const input of inputs)
      if (input) {
        read.add(input)
        if (input.constant) constants.add(input)
      }
  const nodes = needed.map((node) =>
    nodeProto({
      op: node.op,
      domain: node.domain,
      inputs: node.inputs.map((input) => (input ? nameOf(input) : '')),
      outputs: usedOutputs(node, (output) => read.has(output) || asked.has(output)).map(nameOf),
      attributes: node.attributes,
    }),
  )
  for (const [name, value] of Object.entries(outputs)) {
    if (direct.has(name) && names.get(value) === name) continue
    if (value.constant) constants.add(value)
    nodes.push(nodeProto({ op: 'Identity', inputs: [nameOf(value)], outputs: [name] }))
    read.add(value)
  }
  const spec = (value: Value, name = value.name) => {
    const shape: Dimension[] = [...value.shape]
    if (batch !== undefined && !fixed?.has(value) && shape.length > 0) shape[0] = batch
    return valueInfoProto({ name, dtype: value.dtype, shape })
  }
  const inputs = g.inputs.filter((input) => keepInputs || read.has(input))
  if (Object.keys(outputs).length === 0) throw userError('graph.input', 'expected an output to write, found none')
  const domains = new Set(needed.map(({ domain }) => domain).filter((domain) => domain !== ''))
  const graph = create(GraphProtoSchema, {
    name: 'aivida',
    node: nodes,
    initializer: [...constants].map((value) => tensorProto(value.constant!, nameOf(value))),
    input: inputs.map((input) => spec(input)),
    output: Object.entries(outputs).map(([name, value]) => spec(value, name)),
  })
  return create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: 'aivida',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET) }),
      ...[...domains].map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    graph,
  }) as Model
}

/** Outputs of a node, without the optional ones at its end that nobody reads: an engine need not compute them. */
function usedOutputs({ op, outputs }: GraphNode, used: (output: Value) => boolean): readonly Value[] {
  const required = OPERATORS[op]?.requiredOutputs ?? outputs.length
  return outputs.slice(0, Math.max(required, outputs.findLastIndex(used) + 1))
}

/** The nodes that these values need, in their order. */
export function neededNodes(g: GraphBuilder, values: readonly Value[]): GraphNode[] {
  const needed = new Set<Value>(values)
  const nodes: GraphNode[] = []
  for (const node of g.nodes.toReversed())
    if (node.outputs.some((output) => needed.has(output))) {
      nodes.push(node)
      for (const input of node.inputs) if (input) needed.add(input)
    }
  return nodes.reverse()
}
