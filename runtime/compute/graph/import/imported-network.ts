import { userError } from '../../../base/index.ts'
import type { OperatorCall } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import type { NamedValues, Network } from '../layers/layer.ts'
import type { Scope } from '../layers/scope.ts'
import type { ImportedModel, ImportedParameter } from './imported-model.ts'

/** How an imported model is trained. */
export interface ImportedNetworkOptions {
  /**
   * Statistics of batch normalisations in training: `batch` normalises by those of each batch and brings the stored ones
   * up to date, as the model's own framework does while it trains; `stored` leaves them as they are, for fine-tuning.
   * Default: `batch`.
   */
  readonly batchNorm?: 'batch' | 'stored'
}

/**
 * An imported model as a network that `trainingStep`, `frozen` and `lora` take: its parameters have the names that the
 * file gives them, and adapters those of the matrices that they are added to.
 *
 * While it is built it throws `graph.batch` where the file fixes another batch size than the step's, and what
 * {@link ImportedModel.forward} throws.
 */
export function importedNetwork(
  imported: ImportedModel,
  { batchNorm = 'batch' }: ImportedNetworkOptions = {},
): Network {
  return (s, given) => {
    const inputs = Object.fromEntries(imported.inputs.map((spec) => [spec.name, batchOf(given, spec)]))
    const weights = new Map<Value, ImportedParameter>()
    const statistics = new Map<Value, (next: Value) => void>()
    return imported.forward(s.g, {
      inputs,
      parameter: (parameter) => {
        const { name, tensor, role } = parameter
        const spec = { shape: tensor.shape, initial: tensor, ...(tensor.shape.length < 2 && { kind: 'bias' as const }) }
        if (role === 'parameter') {
          const value = s.parameter(name, spec)
          weights.set(value, parameter)
          return value
        }
        const { value, update } = s.statistic(name, spec)
        statistics.set(value, update)
        return value
      },
      instead: (call) => {
        if (call.op === 'BatchNormalization') return normalized(s, call, batchNorm === 'batch' ? statistics : undefined)
        if (call.op === 'Reshape') return [reshaped(s, call)]
        if (call.op === 'MatMul' || call.op === 'Gemm') return adapted(s, call, weights)
        return undefined
      },
    })
  }
}

function batchOf(given: NamedValues, { name, shape }: ImportedModel['inputs'][number]): Value {
  const value = given[name]
  if (!value)
    throw userError(
      'graph.input',
      `expected the model's input ${name} among the columns, found ${Object.keys(given).join(', ')}`,
    )
  const fixed = shape?.[0]
  if (typeof fixed === 'number' && value.shape[0] !== fixed)
    throw userError(
      'graph.batch',
      `expected batches of ${fixed} for ${name}, as the model was exported, found ${value.shape[0]}; export it with a dynamic batch, or train with batches of ${fixed}`,
    )
  return value
}

/** With the first axis left open: exporters compute it from the batch, or write the size that they saw. */
function reshaped({ g }: Scope, call: OperatorCall): Value {
  const { shape } = g.apply('Reshape', call.inputs, call.attributes)
  return shape.length === 0 ? g.reshape(call.input(0), shape) : g.reshape(call.input(0), [-1, ...shape.slice(1)])
}

/** For inference, and with stored statistics, as the file would without training mode. */
function normalized(s: Scope, call: OperatorCall, statistics: ReadonlyMap<Value, (next: Value) => void> | undefined) {
  const training = s.mode === 'training' && !s.isFrozen && statistics !== undefined
  const { training_mode: _, ...attributes } = call.attributes
  if (!training) return s.g.applyAll('BatchNormalization', call.inputs, attributes)
  const [y, ...next] = s.g.applyAll('BatchNormalization', call.inputs, { ...attributes, training_mode: 1 })
  for (const [i, value] of next.entries()) statistics.get(call.input(3 + i))?.(value)
  return [y!]
}

/** A product with a weight that has an adapter: with the adapter's product added. */
function adapted(
  s: Scope,
  call: OperatorCall,
  weights: ReadonlyMap<Value, ImportedParameter>,
): readonly Value[] | undefined {
  const [x, weight] = [call.input(0), call.input(1)]
  const parameter = weights.get(weight)
  if (!parameter || weight.shape.length !== 2 || call.int('transA', 0) === 1) return undefined
  const { g } = s
  const transposed = call.int('transB', 0) === 1
  const [fanIn, fanOut] = orientation(transposed, weight.shape)
  const adapter = s.adapterOf(parameter.name, [fanIn, fanOut], { prefix: `${parameter.name}.`, transposed })
  if (!adapter) return undefined
  const y = g.apply(call.op, call.inputs, call.attributes)
  const factor = adapter.scale * call.float('alpha', 1)
  const narrow = g.apply('Gemm', [g.reshape(x, [-1, fanIn]), adapter.down], { alpha: { float: factor } })
  const added = g.gemm(narrow, adapter.up)
  return [g.add(y, g.reshape(added, [-1, ...y.shape.slice(1)]))]
}

function orientation(transposed: boolean, shape: readonly number[]): readonly [number, number] {
  const [first, second] = shape as [number, number]
  return transposed ? [second, first] : [first, second]
}
