import { tensorError } from './tensor-error.ts'

/** Elements of a `string` tensor as bytes: for each, its length in UTF-8 bytes (u32, little-endian), then the bytes. */
export function encodeStrings(strings: readonly string[]): Uint8Array {
  const pieces = strings.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes.byteLength)
    return [length, bytes]
  })
  return new Uint8Array(Buffer.concat(pieces))
}

/** The way back from {@link encodeStrings}. Throws `tensor.content`. */
export function decodeStrings(data: Uint8Array, count: number, name = 'tensor'): string[] {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const offsets = stringOffsets(data, count, name)
  return Array.from({ length: count }, (_, i) => {
    try {
      return utf8.decode(data.subarray(offsets[i]! + 4, offsets[i + 1]))
    } catch (error) {
      throw tensorError('content', `${name}: string ${i} is not UTF-8`, error)
    }
  })
}

/** Where each of `count` strings begins, and where the last one ends. Throws `tensor.content` when they don't fit. */
export function stringOffsets(data: Uint8Array, count: number, name = 'tensor'): number[] {
  if (data.byteLength < 4 * count)
    throw tensorError('content', `${name}: ${count} strings don't fit in ${data.byteLength} bytes`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const offsets = [0]
  let at = 0
  for (let i = 0; i < count; i++) {
    at = at + 4 <= data.byteLength ? at + 4 + view.getUint32(at, true) : Number.POSITIVE_INFINITY
    if (at > data.byteLength) throw tensorError('content', `${name}: the bytes end inside string ${i} of ${count}`)
    offsets.push(at)
  }
  return offsets
}
