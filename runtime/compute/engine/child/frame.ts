import { AividaError } from '../../../base/errors.ts'
import { limit } from '../../../base/limits.ts'

/**
 * What crosses a child's channel: `magic u32, header length u32` (little-endian), a JSON header, then the parts it
 * counts in `parts`, raw and unpadded. Each part is read into a buffer of its own, so tensors arrive aligned.
 */
export interface Frame<H> {
  readonly header: H
  readonly parts: readonly Uint8Array[]
}

const MAGIC = 0x31_45_56_41 // "AVE1"; the digit is the version
/** Bytes before the header. */
export const PREFIX_BYTES = 8

/**
 * Prefix and header of a frame whose parts have these sizes; the parts follow on the wire. Throws `engine.protocol` for
 * what the other end would refuse.
 */
export function frameHead(header: object, partBytes: readonly number[]): Uint8Array {
  const json = JSON.stringify({ ...header, parts: partBytes })
  if (partBytes.length > limit('tensorsPerMessage')) throw protocol(`at most ${limit('tensorsPerMessage')} tensors`)
  const jsonBytes = Buffer.byteLength(json)
  if (jsonBytes > limit('engineHeaderBytes'))
    throw protocol(`names and shapes of at most ${limit('engineHeaderBytes')} bytes`)
  const head = Buffer.allocUnsafe(PREFIX_BYTES + jsonBytes)
  head.writeUInt32LE(MAGIC, 0)
  head.writeUInt32LE(jsonBytes, 4)
  head.write(json, PREFIX_BYTES)
  return head
}

/** Length of the header behind this prefix. Throws `engine.protocol`. */
export function headerBytes(prefix: Uint8Array): number {
  const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES)
  const length = view.getUint32(4, true)
  if (view.getUint32(0, true) !== MAGIC || length > limit('engineHeaderBytes')) throw protocol('a frame')
  return length
}

/** A header and the sizes of the parts behind it, whose sum is at most `maxBytes`. Throws `engine.protocol`. */
export function readHeader(bytes: Uint8Array, maxBytes: number): { header: unknown; partBytes: readonly number[] } {
  let header: { parts?: unknown }
  try {
    header = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    throw protocol('a JSON header')
  }
  const partBytes: unknown = header?.parts
  if (!Array.isArray(partBytes) || partBytes.length > limit('tensorsPerMessage')) throw protocol('a list of parts')
  let total = 0
  for (const size of partBytes) {
    if (!Number.isSafeInteger(size) || size < 0) throw protocol('sizes of parts')
    total += size
  }
  if (total > maxBytes) throw protocol(`at most ${maxBytes} bytes`)
  return { header, partBytes }
}

/** The other end does not speak as agreed. */
export function protocol(expected: string): AividaError {
  return new AividaError({
    code: 'engine.protocol',
    category: 'internal',
    message: `the engine child's channel broke its format: expected ${expected}`,
  })
}
