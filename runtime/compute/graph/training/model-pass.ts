import { userError } from '../../../base/index.ts'
import type { TensorType, Value } from '../build/value.ts'
import type { Layer, NamedValues, Network } from '../layers/layer.ts'
import type { Scope } from '../layers/scope.ts'

/** Batch values made of others before the model and the loss see them; not part of the inference model. */
export type Preparation = (s: Scope, batch: NamedValues) => NamedValues

/** Runs a model at the top of a graph; gives its outputs by name. A layer is given the first input. */
export function outputsOf(model: Layer | Network, s: Scope, batch: NamedValues): NamedValues {
  const given = typeof model === 'function' ? model(s, batch) : model.build(s, firstOf(batch))
  return isValue(given) ? { output: given } : given
}

/** One sample's type as that of a batch. */
export function batched({ dtype, shape }: TensorType, batchSize: number): TensorType {
  return { dtype, shape: [batchSize, ...shape] }
}

/**
 * For a text model: of each window of T + 1 tokens the first T are what the model is given, `tokens`, and the last T are
 * what it is to say, `labels`. `column`: what the window is called in the batch. Default: `tokens`.
 */
export function nextTokens(column = 'tokens'): Preparation {
  return ({ g }, batch) => {
    const window = batch[column]
    if (window?.shape.length !== 2)
      throw userError(
        'graph.input',
        `expected windows of tokens [batch, T + 1] as ${column}, found ${window ? `[${window.shape}]` : Object.keys(batch).join(', ')}`,
      )
    const end = window.shape[1]!
    return {
      tokens: g.slice(window, { axes: [1], starts: [0], ends: [end - 1] }),
      labels: g.slice(window, { axes: [1], starts: [1], ends: [end] }),
    }
  }
}

function firstOf(batch: NamedValues): Value {
  const [first] = Object.values(batch)
  if (!first) throw userError('graph.input', 'expected at least one input, found none')
  return first
}

function isValue(given: Value | NamedValues): given is Value {
  return Array.isArray((given as Value).shape)
}
