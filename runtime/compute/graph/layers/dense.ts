import { userError } from '../../../base/index.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { glorotUniform, type Initializer, zeros } from './initializer.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'
import type { Scope } from './scope.ts'

/** How a weight and its bias begin. */
export interface WeightOptions extends LayerOptions {
  /** Default: true. */
  readonly bias?: boolean
  /** Default: {@link glorotUniform}. */
  readonly initial?: Initializer | Tensor
  /** Default: zeros. */
  readonly biasInitial?: Initializer | Tensor
}

/** `[batch, ..., in]` to `[batch, ..., units]`: x W + b, W `[in, units]`. */
export function dense(units: number, options: WeightOptions = {}): Layer {
  const { bias = true, initial = glorotUniform, biasInitial = zeros } = options
  return layer('dense', options, (s, x) => {
    const width = x.shape.at(-1)
    if (width === undefined || x.shape.length < 2)
      throw userError('graph.shape', `${s.path}: expected [batch, ..., features], found shape ${shown(x.shape)}`)
    const rows = s.g.reshape(x, [-1, width])
    const weight = s.parameter('weight', { shape: [width, units], initial })
    const fans = [width, units] as const
    const b = bias ? s.parameter('bias', { shape: [units], initial: biasInitial, kind: 'bias', fans }) : undefined
    const y = adaptedProduct(s, rows, { name: 'weight', weight, bias: b })
    return s.g.reshape(y, [-1, ...x.shape.slice(1, -1), units])
  })
}

/**
 * `rows W + b` of matrices, with the low-rank adapter of the weight where it has one. `prefix`: of the adapter's names,
 * where several weights stand in one place.
 */
export function adaptedProduct(
  s: Scope,
  rows: Value,
  { name, weight, bias, prefix = '' }: { name: string; weight: Value; bias: Value | undefined; prefix?: string },
): Value {
  const { g } = s
  const y = bias ? g.gemm(rows, weight, { c: bias }) : g.gemm(rows, weight)
  const adapter = s.adapterOf(name, weight.shape as [number, number], { prefix })
  if (!adapter) return y
  // Two thin products, not W plus a product as large as W: its gradient is never made.
  const narrow = g.apply('Gemm', [rows, adapter.down], { alpha: { float: adapter.scale } })
  return g.gemm(narrow, adapter.up, { c: y })
}
