import { userError } from '../../base/index.ts'
import { elementCount } from '../../data/tensor/check.ts'
import { DTYPES } from '../../data/tensor/tensor.ts'
import { neededNodes } from './build/emit.ts'
import { GraphBuilder } from './build/graph-builder.ts'
import { OperatorCall } from './build/operator.ts'
import type { GraphNode, TensorType, Value } from './build/value.ts'
import { importForTraining, type WeightFiles } from './import/index.ts'
import type { Model } from './onnx/model.ts'
import { OPERATORS } from './operators/index.ts'

/** What one run of a graph takes, counted without running it. The same on every machine: what work is paid by. */
export interface GraphCost {
  /** Arithmetic operations; a multiplication with its addition counts as two. */
  readonly operations: number
  /** Bytes that operators read and write, each operator by itself. */
  readonly bytesMoved: number
  /** Elements of weights: floating-point initializers of more than one element. */
  readonly parameters: number
  readonly parameterBytes: number
  /** Bytes of inputs and outputs. */
  readonly inputBytes: number
  readonly outputBytes: number
  /** The most bytes of intermediate values that are alive at once, in the graph's order; inputs and weights not counted. */
  readonly activationBytes: number
}

/** Operators that give the bytes of their input another shape. */
const VIEWS = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity'])

/** Sizes for the symbols in the shapes of a model's inputs (`{ batch: 128 }`), and its files of weights. */
export interface CostOptions {
  readonly dimensions?: Readonly<Record<string, number>>
  readonly weights?: WeightFiles
}

/**
 * The cost of one run of a model at given shapes. Throws `cost.dimension` for a symbol without a size, and
 * `graph.unknown-op` for an operator that has no row in the table.
 */
export function costOfModel(model: Model, { dimensions = {}, weights = {} }: CostOptions = {}): GraphCost {
  const imported = importForTraining(model, { weights })
  const g = new GraphBuilder()
  const inputs = Object.fromEntries(
    imported.inputs.map(({ name, dtype, shape = [] }) => {
      const sizes = shape.map((dimension) => (typeof dimension === 'number' ? dimension : dimensions[dimension]))
      const unknown = shape[sizes.indexOf(undefined)]
      if (unknown !== undefined)
        throw userError(
          'cost.dimension',
          `expected a size for ${unknown} in the shape of ${name}; give it as a dimension`,
          { name },
        )
      return [name, g.input(name, { dtype, shape: sizes as number[] })]
    }),
  )
  const outputs = imported.forward(g, { inputs, parameter: ({ tensor }) => g.constant(tensor) })
  return costOfGraph(g, Object.values(outputs))
}

/** The cost of computing these values of a graph. */
export function costOfGraph(g: GraphBuilder, outputs: readonly Value[]): GraphCost {
  const nodes = neededNodes(g, outputs)
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.filter((input) => input !== undefined)))
  const weights = [...read].filter(
    (value) => value.constant && value.dtype.startsWith('float') && elementCount(value.shape) > 1,
  )
  return {
    operations: sum(nodes.map(operationsOf)),
    bytesMoved: sum(
      nodes.filter(({ op }) => !VIEWS.has(op)).flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(bytesOf)),
    ),
    parameters: sum(weights.map(({ shape }) => elementCount(shape))),
    parameterBytes: sum(weights.map(bytesOf)),
    inputBytes: sum(g.inputs.filter((input) => read.has(input)).map(bytesOf)),
    outputBytes: sum(outputs.map(bytesOf)),
    activationBytes: peakBytes(nodes, outputs),
  }
}

/** The arithmetic operations of one node. */
export function operationsOf(node: GraphNode): number {
  const count = OPERATORS[node.op]?.operations
  return count ? count(new OperatorCall(node), node.outputs) : elementCount(node.outputs[0]!.shape)
}

/** A value is alive from the node that gives it to the last that reads it; outputs to the end; a view as long as any of its names. */
function peakBytes(nodes: readonly GraphNode[], outputs: readonly Value[]): number {
  const owner = new Map<Value, Value>()
  const ownerOf = (value: Value) => owner.get(value) ?? value
  for (const { op, inputs, outputs: given } of nodes)
    if (VIEWS.has(op) && inputs[0]) owner.set(given[0]!, ownerOf(inputs[0]))
  const lastRead = new Map<Value, number>()
  nodes.forEach(({ inputs }, at) => {
    for (const input of inputs) if (input) lastRead.set(ownerOf(input), at)
  })
  for (const output of outputs) lastRead.set(ownerOf(output), nodes.length)
  let alive = 0
  let peak = 0
  const freed = Array.from({ length: nodes.length + 1 }, () => 0)
  nodes.forEach(({ op, outputs: given }, at) => {
    if (!VIEWS.has(op))
      for (const value of given) {
        const until = lastRead.get(value)
        if (until === undefined) continue
        alive += bytesOf(value)
        freed[until]! += bytesOf(value)
      }
    peak = Math.max(peak, alive)
    alive -= freed[at]!
  })
  return peak
}

function bytesOf(value: TensorType | undefined): number {
  return value ? elementCount(value.shape) * DTYPES[value.dtype] : 0
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
