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

/** Two convolutions of 3 x 3 with 16 and 32 filters, each halved by a max pool: 20,490 parameters. Takes bytes of pictures. */
export function cnn(): Layer {
  return sequential([
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
}
