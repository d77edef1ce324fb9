import type * as Tf from '@tensorflow/tfjs'
import { isAividaError, userError } from '../../../base/errors.ts'
import type { Model } from '../../graph/onnx/model.ts'
import type { NodeProto } from '../../graph/onnx/onnx_pb.ts'
import { Call, nodeName, unsupported } from './call.ts'
import { tensorOfProto } from './constant.ts'
import type { Tf as TfModule } from './library.ts'
import { OPERATORS } from './operators/index.ts'
import type { Row } from './operators/row.ts'
import { carrierOf, toValue, type Value } from './value.ts'

/** A node, its row, and what nobody reads after it. */
interface Step {
  readonly node: NodeProto
  readonly row: Row
  readonly spent: readonly string[]
}

/** The versions of ONNX's operators whose rules the rows follow: between 13 and 21 those here mean the same. */
const OPSETS = { oldest: 13, newest: 21 } as const

/** A graph as TensorFlow.js runs it: its nodes in order, its weights in place, its values freed as soon as they can be. */
export class Plan {
  readonly #tf: TfModule
  readonly #steps: readonly Step[]
  readonly #weights = new Map<string, Value>()

  /**
   * Throws `engine.unsupported-op` for the first node without a row, `engine.unsupported-opset`, `model.invalid`; nothing
   * is computed before all of them have been looked at.
   */
  constructor(tf: TfModule, { graph }: Model, opset: number, files: ReadonlyMap<string, Uint8Array>) {
    if (opset < OPSETS.oldest || opset > OPSETS.newest)
      throw userError(
        'engine.unsupported-opset',
        `expected operators of ONNX opset ${OPSETS.oldest} to ${OPSETS.newest}, found ${opset}; export the model anew, or use onnxruntime`,
      )
    this.#tf = tf
    const kept = new Set(graph.output.map(({ name }) => name))
    const lastUse = new Map<string, number>()
    for (const [at, { input, output }] of graph.node.entries())
      for (const name of [...output, ...input]) lastUse.set(name, at)
    const fixed = new Set(graph.initializer.map(({ name }) => name))
    this.#steps = graph.node.map((node, at) => ({
      node,
      row: rowOf(node),
      spent: [...new Set([...node.input, ...node.output])].filter(
        (name) => name !== '' && lastUse.get(name) === at && !kept.has(name) && !fixed.has(name),
      ),
    }))
    for (const proto of graph.initializer) {
      const tensor = tensorOfProto(proto, files)
      if (!carrierOf(tensor.dtype))
        throw userError('model.invalid', `"${proto.name}" is ${tensor.dtype}, which TensorFlow.js has not; cast it`)
      this.#weights.set(proto.name, toValue(tf, proto.name, tensor, { constant: true }))
    }
  }

  /** Runs all nodes. The inputs are freed with everything else but the `outputs`, which are the caller's to free. */
  run(inputs: ReadonlyMap<string, Value>, outputs: readonly string[]): Map<string, Value> {
    const values = new Map([...this.#weights, ...inputs])
    const free = (name: string) => {
      values.get(name)?.tensor.dispose()
      values.delete(name)
    }
    try {
      for (const { node, row, spent } of this.#steps) {
        const results = this.#step(node, row, values)
        for (const [i, name] of node.output.entries()) {
          if (name === '') results[i]?.tensor.dispose()
          else if (results[i]) values.set(name, results[i])
        }
        for (const result of results.slice(node.output.length)) result.tensor.dispose()
        for (const name of spent) free(name)
      }
      return new Map(outputs.map((name) => [name, this.#taken(values, name)]))
    } finally {
      for (const name of values.keys()) if (!this.#weights.has(name)) free(name)
    }
  }

  dispose(): void {
    for (const { tensor } of this.#weights.values()) tensor.dispose()
  }

  #step(node: NodeProto, row: Row, values: ReadonlyMap<string, Value>): readonly Value[] {
    const inputs = node.input.map((name) => (name === '' ? undefined : values.get(name)))
    const given = new Set<Tf.Tensor | undefined>(inputs.map((input) => input?.tensor))
    const call = new Call(this.#tf, node, inputs)
    const work = () => {
      const found = named(node, () => row.run(call))
      const results = Array.isArray(found) ? (found as readonly Value[]) : [found as Value]
      // What a row passes on as it came would be freed twice.
      return results.map((result) => (given.has(result.tensor) ? { ...result, tensor: result.tensor.clone() } : result))
    }
    return this.#tf.tidy(work as unknown as () => Tf.TensorContainer) as unknown as readonly Value[]
  }

  /** An output is a tensor of its own, even where it is an input, a weight or another output. */
  #taken(values: ReadonlyMap<string, Value>, name: string): Value {
    const value = values.get(name)
    if (!value) throw userError('model.invalid', `no node computes the output "${name}"`)
    return { ...value, tensor: value.tensor.clone() }
  }
}

function rowOf(node: NodeProto): Row {
  const row = node.domain === '' || node.domain === 'ai.onnx' ? OPERATORS[node.opType] : undefined
  if (!row) throw unsupported(node, 'there is no row for this operator')
  const wanted = node.output.findLastIndex((name) => name !== '') + 1
  if (wanted > (row.outputs ?? 1)) throw unsupported(node, `${wanted} outputs; ${row.outputs ?? 1} can be given`)
  return row
}

/** Runs a row; what TensorFlow.js throws says nothing of the node. */
function named<T>(node: NodeProto, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof Error && !isAividaError(error)) error.message = `node ${nodeName(node)}: ${error.message}`
    throw error
  }
}
