import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'

/** Elements by the mean and the spread of their neighbours. */
export const NORMALIZATION: Rows = {
  BatchNormalization: { run: batchNormalization },
  LayerNormalization: { outputs: 3, run: layerNormalization },
}

/** With the statistics it is given; those of the batch are for training, whose graphs compute them by plainer operators. */
function batchNormalization(call: Call): Value {
  if (call.int('training_mode', 0) === 1) throw call.refuse('training_mode')
  const { tf } = call
  const x = call.x(0)
  const along = (index: number) => tf.reshape(call.x(index), [1, -1, ...x.shape.slice(2).map(() => 1)])
  const factor = tf.mul(along(1), tf.rsqrt(tf.add(along(4), call.float('epsilon', 1e-5))))
  return call.like(tf.add(tf.mul(tf.sub(x, along(3)), factor), along(2)))
}

function layerNormalization(call: Call): readonly Value[] {
  const { tf } = call
  const x = call.x(0)
  const first = call.axis(call.int('axis', -1), x.rank)
  const axes = x.shape.map((_, axis) => axis).slice(first)
  const mean = tf.mean(x, axes, true)
  const centred = tf.sub(x, mean)
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes, true), call.float('epsilon', 1e-5)))
  const scaled = tf.mul(tf.mul(centred, inverse), call.x(1))
  const bias = call.maybe(2)
  return [bias ? tf.add(scaled, bias) : scaled, mean, inverse].map((tensor) => call.like(tensor))
}
