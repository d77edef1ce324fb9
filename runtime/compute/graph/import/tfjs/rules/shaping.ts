import { z } from 'zod'
import { elementCount } from '../../../../../data/tensor/check.ts'
import { tensorOf } from '../../../../../data/tensor/typed-array.ts'
import { shown } from '../../../build/shapes.ts'
import { asGiven, given } from '../arrangement.ts'
import type { LayerRule } from '../building.ts'
import { picturesOf } from './window.ts'

const sidesSchema = z.tuple([z.int().min(0), z.int().min(0)])

/** Rows before and after, columns before and after; or one number for all, or one an axis. */
const frameSchema = z
  .union([z.int().min(0), sidesSchema, z.tuple([sidesSchema, sidesSchema])])
  .default([
    [1, 1],
    [1, 1],
  ])
  .transform((frame): readonly [readonly [number, number], readonly [number, number]] => {
    const [rows, columns] = typeof frame === 'number' ? [frame, frame] : frame
    const both = (sides: number | readonly [number, number]) =>
      typeof sides === 'number' ? ([sides, sides] as const) : sides
    return [both(rows), both(columns)]
  })

/** Layers that move elements and compute nothing. */
export const SHAPING: Readonly<Record<string, LayerRule>> = {
  /** In the order that TensorFlow.js has them: what follows has its weights in that order. */
  Flatten: (layer) => {
    const { data_format: format } = layer.read(z.looseObject({ data_format: z.string().nullish() }))
    return ({ g }, [x]) => {
      const value = asGiven(g, x!)
      const rank = value.shape.length
      // TensorFlow.js turns pictures that have channels first before it flattens them.
      const turned = format === 'channels_first' && rank > 2
      const ordered = turned ? g.transpose(value, [0, ...value.shape.slice(2).map((_, axis) => axis + 2), 1]) : value
      return given(g.reshape(ordered, [-1, elementCount(value.shape.slice(1))]))
    }
  },
  Reshape: (layer) => {
    const { target_shape: target } = layer.read(z.looseObject({ target_shape: z.array(z.int().nullable()) }))
    return ({ g }, [x]) => {
      const value = asGiven(g, x!)
      const count = elementCount(value.shape.slice(1))
      const known = elementCount(target.filter((dim): dim is number => dim !== null && dim >= 0))
      const shape = target.map((dim) => (dim === null || dim < 0 ? count / known : dim))
      if (elementCount(shape) !== count || shape.some((dim) => !Number.isInteger(dim)))
        throw layer.refuse(`to make ${shown(value.shape.slice(1))} of as many elements, found ${shown(shape)}`)
      return given(g.reshape(value, [-1, ...shape]))
    }
  },
  Permute: (layer) => {
    const { dims } = layer.read(z.looseObject({ dims: z.array(z.int().min(1)) }))
    return ({ g }, [x]) => given(g.transpose(asGiven(g, x!), [0, ...dims]))
  },
  RepeatVector: (layer) => {
    const { n } = layer.read(z.looseObject({ n: z.int().min(1) }))
    return ({ g }, [x]) => {
      const value = asGiven(g, x!)
      return given(g.expand(g.reshape(value, [-1, 1, value.shape[1]!]), [1, n, 1]))
    }
  },
  ZeroPadding2D: (layer) => {
    const { padding } = layer.read(z.looseObject({ padding: frameSchema }))
    const [[top, bottom], [left, right]] = padding
    const pictures = picturesOf(layer)
    return ({ g }, [x]) =>
      pictures(g, x!, (picture) => g.apply('Pad', [picture, g.integers([0, 0, top, left, 0, 0, bottom, right])]))
  },
  Cropping2D: (layer) => {
    const { cropping } = layer.read(z.looseObject({ cropping: frameSchema }))
    const [[top, bottom], [left, right]] = cropping
    const pictures = picturesOf(layer)
    return ({ g }, [x]) =>
      pictures(g, x!, (picture) => {
        const [, , height, width] = picture.shape as [number, number, number, number]
        return g.slice(picture, { axes: [2, 3], starts: [top, left], ends: [height - bottom, width - right] })
      })
  },
  UpSampling2D: (layer) => {
    const { size, interpolation } = layer.read(
      z.looseObject({
        size: z.tuple([z.int().min(1), z.int().min(1)]).default([2, 2]),
        interpolation: z.enum(['nearest', 'bilinear']).default('nearest'),
      }),
    )
    const pictures = picturesOf(layer)
    const mode = interpolation === 'nearest' ? 'nearest' : 'linear'
    return ({ g }, [x]) =>
      pictures(g, x!, (picture) => {
        const scales = g.constant(tensorOf(Float32Array.of(1, 1, ...size)))
        return g.apply('Resize', [picture, undefined, scales], {
          mode,
          coordinate_transformation_mode: 'asymmetric',
          nearest_mode: 'floor',
        })
      })
  },
}
