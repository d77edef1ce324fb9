import { userError } from '../../runtime/base/errors.ts'
import { html } from '../../runtime/node/record/report/markup.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { page } from './page.ts'
import { brief, plain } from './plain.ts'
import { encodePng, type Pixels } from './png.ts'
import { type Elements, elementsOf } from './tensor-view.ts'

/** How images are shown. */
export interface ImagesOptions {
  /** Images in a row; where they do not fit, they are made smaller. Default: as many as fit. */
  readonly columns?: number
  /** What stands below each. */
  readonly labels?: ArrayLike<unknown>
  /** Pixels across, of one image. Default: enlarged to be told apart, never made smaller. */
  readonly width?: number
}

const IMAGES = 100
/** One image: more is no picture of a cell. */
const PIXELS = 4_000_000
const SMALL = 84
const GAP = 2

/**
 * Images of a tensor: `[images, height, width]` with or without channels (1, 3 or 4) behind or before height and width, or one
 * of them. Bytes are taken as they are, other numbers from 0 to 1 as shares of 255, and from their least to their greatest where
 * they go beyond. Throws `display.images`.
 */
export function imagesBundle(tensor: unknown, options: ImagesOptions = {}): MimeBundle {
  const elements = typeof tensor === 'object' && tensor !== null ? elementsOf(tensor) : undefined
  if (!elements) throw imagesError('expected a tensor of images, such as uint8 [25, 28, 28]')
  const { labels } = options
  const { count, images } = imagesOf(elements)
  const [first] = images
  if (!first) return { 'text/plain': `no images: ${elements.dtype} [${elements.shape.join(', ')}]` }
  const shown =
    options.width ?? Math.max(first.width, Math.ceil(SMALL / first.width) * first.width * (first.width < SMALL ? 1 : 0))
  const label = (i: number) => (labels && i < labels.length ? brief(String(labels[i]), 40) : '')
  const left = count - images.length
  const words = `${count.toLocaleString('en')} image${count === 1 ? '' : 's'} of ${first.width} × ${first.height}${left > 0 ? `, the first ${images.length} shown` : ''}`
  const style =
    options.columns === undefined
      ? ''
      : `display:grid;grid-template-columns:repeat(${Math.max(1, Math.floor(options.columns))},minmax(0,${shown}px))`
  const markup = html`<div class="images" style="${style}">${images.map(
    (image, i) =>
      html`<figure style="margin:0"><img width="${shown}" alt="${label(i) || `image ${i}`}" src="data:image/png;base64,${encodePng(image).toString('base64')}">${label(i) !== '' && html`<figcaption>${label(i)}</figcaption>`}</figure>`,
  )}</div>${left > 0 && html`<p class="soft">${words}</p>`}`
  const named = labels ? `: ${images.map((_, i) => label(i)).join(', ')}` : ''
  return {
    'text/plain': plain(`${words}${named}`, 2_000),
    'text/html': page(markup),
    'image/png': encodePng(grid(images, options.columns)).toString('base64'),
  }
}

function imagesOf(elements: Elements): { readonly count: number; readonly images: Pixels[] } {
  const { count, height, width, channels, planes } = layoutOf(elements)
  if (height * width > PIXELS)
    throw imagesError(`images of ${width} × ${height} pixels are too large to be shown; make them smaller`)
  const scale = scaled(elements)
  const size = height * width * channels
  const images = Array.from({ length: Math.min(count, IMAGES) }, (_, i): Pixels => {
    const data = new Uint8Array(size)
    for (let at = 0; at < size; at++) {
      const pixel = Math.floor(at / channels)
      const from = planes ? (at % channels) * height * width + pixel : at
      data[at] = scale(i * size + from)
    }
    return { width, height, channels, data }
  })
  return { count, images }
}

interface Layout {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3 | 4
  /** Channels come before height and width. */
  readonly planes: boolean
}

function layoutOf({ shape, dtype }: Elements): Layout {
  const [a = 0, b = 0, c = 0, d = 0] = shape
  if (shape.length === 2) return { count: 1, height: a, width: b, channels: 1, planes: false }
  if (shape.length === 3 && (c === 3 || c === 4)) return { count: 1, height: a, width: b, channels: c, planes: false }
  if (shape.length === 3) return { count: a, height: b, width: c, channels: 1, planes: false }
  if (shape.length === 4 && isChannels(d)) return { count: a, height: b, width: c, channels: d, planes: false }
  if (shape.length === 4 && isChannels(b)) return { count: a, height: c, width: d, channels: b, planes: true }
  throw imagesError(
    `expected [images, height, width], with channels (1, 3 or 4) or without, found ${dtype} [${shape.join(', ')}]`,
  )
}

function isChannels(size: number): size is 1 | 3 | 4 {
  return size === 1 || size === 3 || size === 4
}

/** How the number at a place becomes a byte. */
function scaled({ dtype, values }: Elements): (at: number) => number {
  if (dtype === 'uint8') return (at) => Number(values[at])
  if (typeof values[0] === 'string') throw imagesError('expected numbers, found text')
  let [least, most] = [0, 1]
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i])
    if (value < least) least = value
    if (value > most) most = value
  }
  if (least >= 0 && most > 1 && most <= 255 && !dtype.startsWith('float')) [least, most] = [0, 255]
  if (!Number.isFinite(most - least)) [least, most] = [0, 1]
  return (at) => Math.round(255 * Math.min(1, Math.max(0, (Number(values[at]) - least) / (most - least))))
}

/** All images as one, for front ends that show no HTML. */
function grid(images: readonly Pixels[], columns = Math.ceil(Math.sqrt(images.length))): Pixels {
  const { width, height, channels } = images[0]!
  const across = Math.min(images.length, Math.max(1, Math.floor(columns)))
  const down = Math.ceil(images.length / across)
  const whole = { width: across * (width + GAP) - GAP, height: down * (height + GAP) - GAP, channels }
  const data = new Uint8Array(whole.width * whole.height * channels).fill(channels === 4 ? 0 : 128)
  for (const [i, image] of images.entries()) {
    const left = (i % across) * (width + GAP)
    const top = Math.floor(i / across) * (height + GAP)
    for (let y = 0; y < height; y++)
      data.set(
        image.data.subarray(y * width * channels, (y + 1) * width * channels),
        ((top + y) * whole.width + left) * channels,
      )
  }
  return { ...whole, data }
}

function imagesError(message: string) {
  return userError('display.images', message)
}
