import { z } from 'zod'
import type { GraphBuilder } from '../../../build/graph-builder.ts'
import type { Value } from '../../../build/value.ts'
import { type Arranged, asGiven, channelsFirst, given, withChannelsFirst } from '../arrangement.ts'
import type { LayerSpec } from '../layer-spec.ts'

const pairSchema = z
  .union([z.int().min(1), z.array(z.int().min(1)).min(1).max(2)])
  .transform((size): readonly [number, number] =>
    typeof size === 'number' ? [size, size] : [size[0]!, size[1] ?? size[0]!],
  )

const windowSchema = z.looseObject({
  kernel_size: pairSchema.optional(),
  pool_size: pairSchema.optional(),
  strides: pairSchema.nullish(),
  dilation_rate: pairSchema.nullish(),
  padding: z.enum(['same', 'valid']).default('valid'),
  data_format: z.enum(['channels_last', 'channels_first']).nullish(),
  groups: z.int().default(1),
})

/** Where a window goes, and how the pictures under it lie. */
export interface WindowSettings {
  readonly size: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly dilation: readonly [number, number]
  readonly padding: 'same' | 'valid'
  readonly groups: number
  readonly pictures: Pictures
}

/** The settings of a layer whose window slides. Default stride: 1 for kernels, the window's size for pools. */
export function windowSettings(layer: LayerSpec): WindowSettings {
  const { kernel_size: kernel, pool_size: pool, strides, dilation_rate: dilation, ...more } = layer.read(windowSchema)
  const size = kernel ?? pool
  if (!size) throw layer.refuse('the size of its window, found none')
  const { padding, groups } = more
  return {
    size,
    stride: strides ?? (kernel ? [1, 1] : size),
    dilation: dilation ?? [1, 1],
    padding,
    groups,
    pictures: picturesOf(layer),
  }
}

/** How a layer takes pictures and gives them: `[batch, channels, height, width]` to a function between. */
export type Pictures = (g: GraphBuilder, x: Arranged, of: (picture: Value) => Value) => Arranged

/** Pictures as a layer's `dataFormat` has them. */
export function picturesOf(layer: LayerSpec): Pictures {
  const { data_format: format } = layer.read(z.looseObject({ data_format: z.string().nullish() }))
  return format === 'channels_first'
    ? (g, x, of) => given(of(asGiven(g, x)))
    : (g, x, of) => channelsFirst(of(withChannelsFirst(g, x)))
}

/** The settings of a layer over sequences `[batch, length, channels]`, as pictures of height 1. */
export function sequenceSettings(layer: LayerSpec): WindowSettings {
  const { size, stride, dilation, ...more } = windowSettings(layer)
  const along = ([length]: readonly [number, number]) => [1, length] as const
  const pictures: Pictures = (g, x, of) =>
    more.pictures(g, x, (value) => {
      const [, channels, length] = value.shape as [number, number, number]
      const y = of(g.reshape(value, [-1, channels, 1, length]))
      return g.reshape(y, [-1, y.shape[1]!, y.shape[3]!])
    })
  return { ...more, size: along(size), stride: along(stride), dilation: along(dilation), pictures }
}
