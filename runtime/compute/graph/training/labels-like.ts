import { type AividaError, userError } from '../../../base/index.ts'
import { sameShape, shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import type { Scope } from '../layers/scope.ts'

/**
 * Labels in the shape of what they are compared with, number by number: as they are, or, one a row of an output `[..., 1]`, with
 * that last axis. Throws `graph.shape` for any others, which would be spread over the output.
 */
export function labelsLike(g: Scope['g'], output: Value, labels: Value): Value {
  if (sameShape(output.shape, labels.shape)) return labels
  if (sameShape(output.shape, [...labels.shape, 1])) return g.reshape(labels, [-1, ...output.shape.slice(1)]) // of an evaluation the batch is open
  throw unlike('labels of the same shape,', output, labels)
}

/** `graph.shape`: labels that are not as the loss expects them for an output. */
export function unlike(expected: string, output: Value, labels: Value): AividaError {
  return userError(
    'graph.shape',
    `loss: expected ${expected} found the output ${output.dtype} ${shown(output.shape)} and labels ${labels.dtype} ${shown(labels.shape)}`,
  )
}
