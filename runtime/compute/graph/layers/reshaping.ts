import { elementCount } from '../../../data/tensor/check.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'

/** `[batch, ...]` to `[batch, all the rest]`. */
export function flatten(options: LayerOptions = {}): Layer {
  return layer('flatten', options, (s, x) => s.g.reshape(x, [-1, elementCount(x.shape.slice(1))]))
}

/** `[batch, ...]` to `[batch, ...shape]`, of as many elements. */
export function reshape(shape: readonly number[], options: LayerOptions = {}): Layer {
  return layer('reshape', options, (s, x) => s.g.reshape(x, [-1, ...shape]))
}

/**
 * Numbers as `float32`, times `scale`: bytes travel, and become brightnesses where they are used.
 * Default scale: 1/255, bytes to [0, 1].
 */
export function pixels({ scale = 1 / 255, ...options }: LayerOptions & { readonly scale?: number } = {}): Layer {
  return layer('pixels', options, (s, x) => s.g.scale(s.g.cast(x, 'float32'), scale))
}
