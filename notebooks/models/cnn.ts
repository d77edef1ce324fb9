import {
  conv2d,
  dense,
  flatten,
  type Layer,
  maxPool,
  pixels,
  relu,
  reshape,
  sequential,
} from '../../runtime/compute/graph/index.ts'

/**
 * Two convolutions of 3 x 3, each with a pool after it: pictures `[batch, 28, 28] u8` to logits of ten classes. 20,490
 * parameters.
 */
export const cnn: Layer = sequential([
  pixels(),
  reshape([1, 28, 28]),
  conv2d(16, 3, { padding: 'same' }),
  relu(),
  maxPool(2),
  conv2d(32, 3, { padding: 'same' }),
  relu(),
  maxPool(2),
  flatten(),
  dense(10),
])
