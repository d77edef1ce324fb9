import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'

/**
 * Gradients made shorter together where their common L2 norm is above `limit` (Pascanu, Mikolov and Bengio 2013, "On the
 * difficulty of training recurrent neural networks", algorithm 1), and that norm, a scalar, as it was before.
 */
export function clippedByNorm(
  g: GraphBuilder,
  gradients: readonly Value[],
  limit: number,
): { readonly clipped: readonly Value[]; readonly norm: Value } {
  const norm = globalNorm(g, gradients)
  // The addend is PyTorch's: a norm of zero divides nothing.
  const factor = g.apply('Min', [g.scalar(1), g.div(g.scalar(limit), g.shift(norm, 1e-6))])
  return { clipped: gradients.map((gradient) => g.mul(gradient, factor)), norm }
}

/** The L2 norm of all elements of all tensors, a scalar. */
function globalNorm(g: GraphBuilder, tensors: readonly Value[]): Value {
  const squares = tensors.map((tensor) => g.apply('ReduceSumSquare', [tensor], { keepdims: 0 }))
  return g.sqrt(squares.reduce((sum, square) => g.add(sum, square)))
}
