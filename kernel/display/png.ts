import { crc32, deflateSync } from 'node:zlib'

/** Pixels as they are drawn: rows from the top, `channels` bytes each (1 grey, 3 RGB, 4 RGBA). */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3 | 4
  readonly data: Uint8Array
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const COLOUR_TYPES = { 1: 0, 3: 2, 4: 6 } as const

/**
 * Pixels as a PNG file, at once: what a cell shows is put out in order, which an encoder in another thread could not promise.
 * (https://www.w3.org/TR/png-3/; eight bits, no filter, no interlacing)
 */
export function encodePng({ width, height, channels, data }: Pixels): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  header[9] = COLOUR_TYPES[channels]
  const stride = width * channels
  const lines = Buffer.alloc(height * (stride + 1))
  for (let y = 0; y < height; y++) lines.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.byteLength + 8)
  framed.writeUInt32BE(data.byteLength, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), body.byteLength + 4)
  return framed
}

const JPEG_SIGNATURE = Uint8Array.of(0xff, 0xd8, 0xff)

/** What kind of image file bytes are; `undefined` when they are none that every front end shows. */
export function imageType(bytes: Uint8Array): 'image/png' | 'image/jpeg' | undefined {
  const begins = (signature: Uint8Array) => signature.every((byte, i) => bytes[i] === byte)
  if (begins(SIGNATURE)) return 'image/png'
  return begins(JPEG_SIGNATURE) ? 'image/jpeg' : undefined
}
