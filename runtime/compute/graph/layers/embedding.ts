import { userError } from '../../../base/index.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { shown } from '../build/shapes.ts'
import { type Initializer, normal } from './initializer.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'

/** How a table begins. */
export interface EmbeddingOptions extends LayerOptions {
  /** Default: normal with deviation 0.02. */
  readonly initial?: Initializer | Tensor
}

/** Integers `[batch, ...]` from 0 to `count - 1` to rows of a table: `[batch, ..., width]`. Parameter: `table [count, width]`. */
export function embedding(count: number, width: number, options: EmbeddingOptions = {}): Layer {
  const { initial = normal(0.02) } = options
  return layer('embedding', options, (s, x) => {
    if (x.dtype.startsWith('float'))
      throw userError('graph.dtype', `${s.path}: expected integers, found ${x.dtype} ${shown(x.shape)}`)
    const table = s.parameter('table', { shape: [count, width], initial, kind: 'embedding' })
    return s.g.apply('Gather', [table, s.g.cast(x, 'int64')])
  })
}

/** Adds a learned row to each place of `[batch, places, width]`. Parameter: `table [places, width]`. */
export function positions(options: EmbeddingOptions = {}): Layer {
  const { initial = normal(0.02) } = options
  return layer('positions', options, (s, x) => {
    s.expectRank(x, 3, '[batch, places, width]')
    return s.g.add(x, s.parameter('table', { shape: x.shape.slice(1), initial, kind: 'embedding' }))
  })
}
