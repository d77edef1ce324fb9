import { crc32 } from 'node:zlib'
import { limit, peerError } from '../../base/index.ts'

/**
 * Every frame begins with these 20 bytes, little-endian:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | magic `AIVF` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | kind: 0 message, 1 end |
 * | 6 | 2 | zero |
 * | 8 | 4 | bytes of the header that follows |
 * | 12 | 4 | bytes of the body after it |
 * | 16 | 4 | CRC-32 (as in zlib) of bytes 0-15, the header and the body |
 */
export const PREFIX_BYTES = 20

const MAGIC = 0x46564941
const VERSION = 1
const CRC_AT = 16

/** What a frame carries: a message, or the end of its direction, whose header is an {@link EndMark}. */
export type FrameKind = 'message' | 'end'

const KINDS: readonly FrameKind[] = ['message', 'end']

/** The sizes a frame announces, within the limits. */
export interface FramePrefix {
  readonly kind: FrameKind
  readonly headerBytes: number
  readonly bodyBytes: number
  readonly crc: number
}

/** The first {@link PREFIX_BYTES} of a frame. */
export function encodePrefix(kind: FrameKind, header: Uint8Array, body: readonly Uint8Array[]): Uint8Array {
  const prefix = new Uint8Array(PREFIX_BYTES)
  const view = new DataView(prefix.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint8(4, VERSION)
  view.setUint8(5, KINDS.indexOf(kind))
  view.setUint32(8, header.byteLength, true)
  view.setUint32(12, sizeOf(body), true)
  view.setUint32(CRC_AT, frameCrc(prefix, header, body), true)
  return prefix
}

/**
 * Reads and bounds a prefix, before anything is allocated for what it announces.
 * Throws `frame.magic`, `frame.version`, `frame.malformed`, `frame.size`.
 */
export function decodePrefix(prefix: Uint8Array): FramePrefix {
  const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES)
  if (view.getUint32(0, true) !== MAGIC) throw peerError('frame.magic', 'expected a frame, found other bytes')
  const version = view.getUint8(4)
  if (version !== VERSION)
    throw peerError('frame.version', `expected frame version ${VERSION}, found ${version}; update the older side`)
  const kind = KINDS[view.getUint8(5)]
  if (kind === undefined || view.getUint16(6, true) !== 0)
    throw peerError('frame.malformed', 'the frame has an unknown kind or unknown flags')
  const [headerBytes, bodyBytes] = [view.getUint32(8, true), view.getUint32(12, true)]
  assertSize('header', headerBytes, limit('frameHeaderBytes'))
  assertSize('body', bodyBytes, limit('frameBodyBytes'))
  return { kind, headerBytes, bodyBytes, crc: view.getUint32(CRC_AT, true) }
}

/** The checksum of a whole frame, whatever stands in its own field. */
export function frameCrc(prefix: Uint8Array, header: Uint8Array, body: readonly Uint8Array[]): number {
  return [header, ...body].reduce((crc, piece) => crc32(piece, crc), crc32(prefix.subarray(0, CRC_AT)))
}

/** The bytes of several pieces together. */
export function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
}

function assertSize(part: string, sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes)
    throw peerError(
      'frame.size',
      `the frame announces a ${part} of ${sizeBytes} bytes, at most ${maxBytes} are allowed`,
    )
}
