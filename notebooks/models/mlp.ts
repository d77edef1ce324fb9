import { dense, flatten, heNormal, type Layer, pixels, relu, sequential } from '../../runtime/compute/graph/index.ts'

/** 784-256-128-10: pictures `[batch, 28, 28] u8` to logits of ten classes. 235,146 parameters. */
export const mlp: Layer = sequential([
  pixels(),
  flatten(),
  dense(256, { initial: heNormal }),
  relu(),
  dense(128, { initial: heNormal }),
  relu(),
  dense(10),
])
