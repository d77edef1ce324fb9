import { type AividaError, userError } from '../../base/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { wrongDtype } from './refusals.ts'
import { type Dimension, describeSpec, type TensorSpec } from './signature.ts'

/** How the pixels of an image become a row of an input. */
export interface ImageLayout {
  /** Pixels. */
  readonly width: number
  readonly height: number
  /** 1: grey, 3: red, green, blue. */
  readonly channels: 1 | 3
  /** One row of the input from rows of pixels of interleaved channels, 0 to 255. */
  tensor(pixels: Uint8Array): Tensor
}

/**
 * The layout an input asks for: `[N, C, H, W]`, `[N, H, W, C]` (told apart by which of them is 1 or 3) or, grey,
 * `[N, H, W]`. `uint8` gets 0 to 255, `float32` 0 to 1; other scales are nodes of the graph. A symbolic height or
 * width takes that of `first`, the first image. Throws `source.shape`, `source.dtype`.
 */
export function imageLayout(spec: TensorSpec, first: { width: number; height: number }): ImageLayout {
  const { dtype, shape } = spec
  if (dtype !== 'uint8' && dtype !== 'float32') throw wrongDtype(spec, 'images, which give uint8 or float32', 'images')
  const [, ...dims] = shape ?? []
  const planar = dims.length === 3 && isChannels(dims[0])
  const interleaved = dims.length === 3 && !planar && isChannels(dims[2])
  if (!planar && !interleaved && dims.length !== 2) throw notAnImage(spec)
  const size = (dimension: Dimension | undefined, natural: number) =>
    typeof dimension === 'number' ? dimension : natural
  const height = size(dims[planar ? 1 : 0], first.height)
  const width = size(dims[planar ? 2 : 1], first.width)
  const channels = planar ? dims[0] : interleaved ? dims[2] : 1
  const row = dims.length === 2 ? [height, width] : planar ? [channels, height, width] : [height, width, channels]
  return {
    width,
    height,
    channels: channels as 1 | 3,
    tensor(pixels) {
      const bytes = planar && channels === 3 ? planes(pixels) : pixels
      const data = dtype === 'uint8' ? bytes : new Uint8Array(Float32Array.from(bytes, (level) => level / 255).buffer)
      return { dtype, shape: [1, ...(row as number[])], data }
    },
  }
}

function isChannels(dimension: Dimension | undefined): dimension is 1 | 3 {
  return dimension === 1 || dimension === 3
}

function notAnImage(spec: TensorSpec): AividaError {
  return userError(
    'source.shape',
    `images feed an input of [N, C, H, W], [N, H, W, C] or [N, H, W] with C 1 or 3, found ${describeSpec(spec)}; ` +
      'add nodes that reshape them, or use Arrow or JSON lines',
    { input: spec.name },
  )
}

/** Red, green, blue, red, ... as all reds, all greens, all blues. */
function planes(pixels: Uint8Array): Uint8Array {
  const size = pixels.length / 3
  const split = new Uint8Array(pixels.length)
  for (let at = 0, from = 0; at < size; at++) {
    split[at] = pixels[from++]!
    split[size + at] = pixels[from++]!
    split[2 * size + at] = pixels[from++]!
  }
  return split
}
