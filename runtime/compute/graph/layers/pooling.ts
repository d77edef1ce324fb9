import { type Size2d, type WindowOptions, windowAttributes } from './convolution.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'

/** The largest of each window of `[batch, channels, height, width]`. Default stride: the window's size. */
export function maxPool(size: Size2d, { stride = size, ...options }: WindowOptions = {}): Layer {
  return layer('max_pool', options, (s, x) => {
    s.expectRank(x, 4, '[batch, channels, height, width]')
    return s.g.apply('MaxPool', [x], windowAttributes(x, { ...options, kernel: size, stride }))
  })
}

/** The mean of each window; padding does not count. Default stride: the window's size. */
export function averagePool(size: Size2d, { stride = size, ...options }: WindowOptions = {}): Layer {
  return layer('average_pool', options, (s, x) => {
    s.expectRank(x, 4, '[batch, channels, height, width]')
    return s.g.apply('AveragePool', [x], windowAttributes(x, { ...options, kernel: size, stride }))
  })
}

/** The mean over height and width: `[batch, channels, height, width]` to `[batch, channels]`. */
export function globalAveragePool(options: LayerOptions = {}): Layer {
  return layer('global_average_pool', options, (s, x) => global(s, x, 'GlobalAveragePool'))
}

/** The largest over height and width: `[batch, channels, height, width]` to `[batch, channels]`. */
export function globalMaxPool(options: LayerOptions = {}): Layer {
  return layer('global_max_pool', options, (s, x) => global(s, x, 'GlobalMaxPool'))
}

const global: (...args: [...Parameters<Layer['build']>, string]) => ReturnType<Layer['build']> = (s, x, op) => {
  s.expectRank(x, 4, '[batch, channels, height, width]')
  return s.g.reshape(s.g.apply(op, [x]), [-1, x.shape[1]!])
}
