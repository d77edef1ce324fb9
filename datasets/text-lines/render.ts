import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../runtime/base/index.ts'
import type { Tensor } from '../../runtime/data/tensor/index.ts'
import { passage } from './passage.ts'

/** Height of every line image, pixels: what the recogniser takes. */
export const LINE_HEIGHT = 48

const MAX_CHARACTERS = 26
const MARGIN = 8 // pixels left and right; text that touches the border is misread
const AT_ONCE = 16 // images being drawn

/** Pictures of printed lines, and what they say. */
export interface TextLines {
  /** `[lines, 48, width] uint8`, black on white. */
  readonly images: Tensor
  readonly texts: readonly string[]
}

/** How to make {@link TextLines}. */
export interface TextLinesInit {
  readonly count: number
  /** Where in the book to begin. */
  readonly random: Random
  /** Width of every image, pixels. Default: 320. */
  readonly width?: number
}

/**
 * Draws lines of Moby Dick in Libre Baskerville: single-line grey images as a scanner and a line detector would give
 * them. Equal random streams give equal bytes on every machine. Lines that don't fit the width are left out.
 */
export async function renderTextLines({ count, random, width = 320 }: TextLinesInit): Promise<TextLines> {
  const draw = await drawer()
  const size = LINE_HEIGHT * width
  const data = new Uint8Array(count * size).fill(255)
  const texts: string[] = []
  const lines = passage(random, MAX_CHARACTERS)
  while (texts.length < count) {
    const candidates = Array.from({ length: Math.min(AT_ONCE, count - texts.length) }, () => lines.next().value)
    const drawings = await Promise.all(candidates.map(draw))
    for (const [i, drawing] of drawings.entries()) {
      if (drawing.width > width - 2 * MARGIN || drawing.height > LINE_HEIGHT) continue
      const at = texts.push(candidates[i]!) - 1
      place(drawing, data.subarray(at * size, (at + 1) * size), width)
    }
  }
  return { images: { dtype: 'uint8', shape: [count, LINE_HEIGHT, width], data }, texts }
}

/** Ink: 0 is paper, 255 is full black. */
interface Drawing {
  readonly ink: Uint8Array
  readonly width: number
  readonly height: number
}

function place({ ink, width, height }: Drawing, image: Uint8Array, imageWidth: number): void {
  const top = (LINE_HEIGHT - height) >> 1
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) image[(top + y) * imageWidth + MARGIN + x] = 255 - ink[y * width + x]!
}

async function drawer(): Promise<(line: string) => Promise<Drawing>> {
  // Read by the text library when it draws for the first time: fixes hinting, and needs no fonts on the machine.
  process.env.FONTCONFIG_FILE = fileURLToPath(new URL('fonts.conf', import.meta.url))
  const { default: sharp } = await import('sharp')
  const fontfile = createRequire(import.meta.url).resolve(
    '@expo-google-fonts/libre-baskerville/400Regular/LibreBaskerville_400Regular.ttf',
  )
  return async (line) => {
    const text = line.replaceAll('&', '&amp;').replaceAll('<', '&lt;') // Pango markup
    const { data, info } = await sharp({ text: { text, font: 'Libre Baskerville 24', fontfile, dpi: 72 } })
      .extractChannel(0)
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { ink: data, width: info.width, height: info.height }
  }
}
