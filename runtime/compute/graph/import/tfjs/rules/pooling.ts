import { z } from 'zod'
import { windowAttributes } from '../../../layers/convolution.ts'
import { asGiven, given } from '../arrangement.ts'
import type { LayerRule } from '../building.ts'
import { picturesOf, sequenceSettings, type WindowSettings, windowSettings } from './window.ts'

/** Pools over windows, and over all of a picture or sequence. */
export const POOLING: Readonly<Record<string, LayerRule>> = {
  MaxPooling2D: pool('MaxPool', windowSettings),
  AveragePooling2D: pool('AveragePool', windowSettings),
  MaxPooling1D: pool('MaxPool', sequenceSettings),
  AveragePooling1D: pool('AveragePool', sequenceSettings),
  GlobalMaxPooling2D: globalPool('GlobalMaxPool'),
  GlobalAveragePooling2D: globalPool('GlobalAveragePool'),
  GlobalMaxPooling1D:
    () =>
    ({ g }, [x]) =>
      given(g.max(asGiven(g, x!), [1], false)),
  GlobalAveragePooling1D:
    () =>
    ({ g }, [x]) =>
      given(g.mean(asGiven(g, x!), [1], false)),
}

function pool(op: string, settingsOf: (layer: Parameters<LayerRule>[0]) => WindowSettings): LayerRule {
  return (layer) => {
    const { size, stride, padding, pictures } = settingsOf(layer)
    return ({ g }, [x]) =>
      pictures(g, x!, (picture) => g.apply(op, [picture], windowAttributes(picture, { kernel: size, stride, padding })))
  }
}

function globalPool(op: string): LayerRule {
  return (layer) => {
    const { keepdims } = layer.read(z.looseObject({ keepdims: z.boolean().nullish() }))
    const pictures = picturesOf(layer)
    return ({ g }, [x]) => {
      const pooled = pictures(g, x!, (picture) => g.apply(op, [picture]))
      return keepdims ? pooled : given(g.reshape(pooled.value, [-1, pooled.value.shape[1]!]))
    }
  }
}
