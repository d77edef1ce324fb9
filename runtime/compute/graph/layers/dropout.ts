import { userError } from '../../../base/index.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'

/**
 * Leaves out each element with probability `rate` in training, and makes up for it in the others (Srivastava et al. 2014,
 * "Dropout", with the scale of training rather than of inference). What is left out is an input of the step: it follows from
 * the run's seed. Throws `graph.attribute`.
 */
export function dropout(rate: number, options: LayerOptions = {}): Layer {
  if (!(rate >= 0 && rate < 1))
    throw userError('graph.attribute', `dropout: expected a rate of at least 0 and below 1, found ${rate}`)
  return layer('dropout', options, (s, x) => {
    if (s.mode === 'inference' || rate === 0) return x
    const { g } = s
    const kept = g.cast(s.mask('mask', x.shape, 1 - rate), 'float32')
    return g.mul(x, g.scale(kept, 1 / (1 - rate)))
  })
}
