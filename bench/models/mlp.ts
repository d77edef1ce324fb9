import { dense, flatten, type Layer, pixels, relu, sequential } from '../../runtime/compute/graph/index.ts'

/** 784-256-128-10 with ReLU: 235,146 parameters. Takes bytes of pictures, `[batch, 28, 28]` or flat. */
export function mlp(): Layer {
  return sequential([pixels(), flatten(), dense(256), relu(), dense(128), relu(), dense(10)])
}
