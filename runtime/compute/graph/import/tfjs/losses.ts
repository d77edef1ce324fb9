import { userError } from '../../../../base/index.ts'
import { elementCount } from '../../../../data/tensor/check.ts'
import type { GraphBuilder } from '../../build/graph-builder.ts'
import { shown } from '../../build/shapes.ts'
import type { Value } from '../../build/value.ts'
import { labelsLike } from '../../training/labels-like.ts'
import { binaryCrossEntropy, crossEntropy, type Loss, meanSquaredError } from '../../training/loss.ts'

/** How far TensorFlow.js keeps a probability from 0 and 1. */
const EPSILON = 1e-7

/**
 * Losses by their Keras names (tfjs-layers, losses.ts): means over the batch. They compare probabilities; where those come
 * of a softmax or sigmoid, what went into it is compared, which loses no digits.
 */
export const LOSSES: Readonly<Record<string, (names: { readonly output: string; readonly labels: string }) => Loss>> = {
  mean_squared_error: (names) => meanSquaredError(names),
  mean_absolute_error:
    ({ output, labels }) =>
    ({ g }, outputs, batch) => {
      const found = outputs[output]!
      const difference = g.sub(found, g.cast(labelsLike(g, found, labelsOf(batch, labels)), 'float32'))
      return { loss: g.mean(g.apply('Abs', [difference]), undefined, false) }
    },
  categorical_crossentropy:
    ({ output, labels }) =>
    ({ g }, outputs, batch) => {
      const logits = logitsOf(g, outputs[output]!)
      const target = g.cast(labelsOf(batch, labels), 'float32')
      const logShares = g.apply('LogSoftmax', [logits], { axis: -1 })
      const rows = elementCount(logits.shape.slice(0, -1))
      const loss = g.scale(g.sum(g.mul(logShares, target), undefined, false), -1 / rows)
      const highest = (value: Value) => g.apply('ArgMax', [value], { axis: -1, keepdims: 0 })
      const right = g.cast(g.apply('Equal', [highest(logits), highest(target)]), 'float32')
      return { loss, accuracy: g.mean(right, undefined, false) }
    },
  sparse_categorical_crossentropy: (names) => (s, outputs, batch) => {
    const logits = logitsOf(s.g, outputs[names.output]!)
    const given = labelsOf(batch, names.labels)
    const shape = logits.shape.slice(0, -1)
    if (elementCount(given.shape) !== elementCount(shape))
      throw userError('graph.shape', `loss: expected labels of shape ${shown(shape)}, found ${shown(given.shape)}`)
    const labels = s.g.reshape(s.g.cast(given, 'int64'), [-1, ...shape.slice(1)])
    return crossEntropy(names)(s, { [names.output]: logits }, { [names.labels]: labels })
  },
  binary_crossentropy: (names) => (s, outputs, batch) => {
    const output = sigmoidLogitsOf(s.g, outputs[names.output]!)
    return binaryCrossEntropy(names)(s, { [names.output]: output }, batch)
  },
}

function labelsOf(batch: Readonly<Record<string, Value>>, name: string): Value {
  const labels = batch[name]
  if (labels) return labels
  throw userError('graph.input', `loss: expected ${name} in the batch, found ${Object.keys(batch).join(', ')}; name it`)
}

function logitsOf(g: GraphBuilder, shares: Value): Value {
  if (shares.producer?.op === 'Softmax' && shares.producer.attributes.axis === -1) return shares.producer.inputs[0]!
  return g.apply('Log', [within(g, shares)])
}

function sigmoidLogitsOf(g: GraphBuilder, share: Value): Value {
  if (share.producer?.op === 'Sigmoid') return share.producer.inputs[0]!
  const kept = within(g, share)
  return g.apply('Log', [g.div(kept, g.sub(g.scalar(1), kept))])
}

function within(g: GraphBuilder, share: Value): Value {
  return g.apply('Clip', [share, g.scalar(EPSILON), g.scalar(1 - EPSILON)])
}
