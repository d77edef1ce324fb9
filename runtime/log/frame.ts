import { crc32 } from 'node:zlib'
import { type Digest, digestBytes, sha256 } from '../base/hash.ts'
import { limit } from '../base/limits.ts'
import { corrupt, newerVersion } from './errors.ts'
import type { LogKey } from './log-key.ts'
import type { Group } from './store.ts'

/*
 * A sealed group, little endian, a multiple of 8 bytes long:
 *
 *    0 u32 magic 'AVLG'          4 u32 length of the frame
 *    8 u32 crc32 of the header   12 u32 crc32 of all after the header
 *   16 u16 version   18 u16 flags (1: signed)   20 u32 entry count
 *   24 u64 sequence number of the first entry   32 u64 epoch   40 u64 wall time in ms
 *   48 u32 body length   52 u32 reserved   56 32 B hash of the group before
 *   88 body: count x { u32 length, u8 0, payload }, then zeros up to a multiple of 8
 *  -96 32 B reserved for a root over the entries   -64 64 B Ed25519 signature of the hash, zeros when not signed
 *
 * The header has a checksum of its own so that its length can be trusted when the body cannot: bytes in the body of
 * a torn group may imitate a frame. The 0 before each payload is the leaf prefix of RFC 6962, so that a Merkle leaf
 * is the hash of bytes in place. The hash of a group covers all from the version to the root.
 */
const MAGIC = 0x474c5641
const VERSION = 1
const HEADER_BYTES = 88
const TRAILER_BYTES = 96
const HASH_FROM = 16
const SIGNATURE_BYTES = 64
const ENTRY_OVERHEAD_BYTES = 5
const SIGNED = 1

/** Frames start and end on multiples of this. */
export const FRAME_ALIGNMENT = 8

/** The hash before the first group. */
export const NO_HASH: Digest = '0'.repeat(64)

/** Bytes that entries take in the body of a frame. */
export function bodyBytes(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, entry) => sum + ENTRY_OVERHEAD_BYTES + entry.byteLength, 0)
}

/** The largest body that fits into a group. */
export const MAX_BODY_BYTES = limit('logGroupBytes') - HEADER_BYTES - TRAILER_BYTES

/** Seals entries, {@link MAX_BODY_BYTES} of them at most, into a group, under a signature when there is a key. */
export function sealGroup(init: Omit<Group, 'count' | 'frame'>, entries: readonly Uint8Array[], key?: LogKey): Group {
  const { firstSeq, epoch, wallMs, previousHash } = init
  const count = entries.length
  const body = bodyBytes(entries)
  const length = alignUp(HEADER_BYTES + body) + TRAILER_BYTES
  const frame = new Uint8Array(length)
  const view = viewOf(frame)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, length, true)
  view.setUint16(16, VERSION, true)
  if (key) view.setUint16(18, SIGNED, true)
  view.setUint32(20, count, true)
  view.setBigUint64(24, BigInt(firstSeq), true)
  view.setBigUint64(32, BigInt(epoch), true)
  view.setBigUint64(40, BigInt(Math.trunc(wallMs)), true)
  view.setUint32(48, body, true)
  frame.set(digestBytes(previousHash), 56)
  let at = HEADER_BYTES
  for (const entry of entries) {
    view.setUint32(at, entry.byteLength, true)
    frame.set(entry, at + ENTRY_OVERHEAD_BYTES)
    at += ENTRY_OVERHEAD_BYTES + entry.byteLength
  }
  if (key) frame.set(key.sign(groupStatement(frame, key)), length - SIGNATURE_BYTES)
  view.setUint32(12, crc32(frame.subarray(HEADER_BYTES)), true)
  view.setUint32(8, headerChecksum(frame), true)
  return { ...init, count, frame }
}

/** Whether a group says that it is signed; {@link isSignedBy} says whether that is true. */
export function isSigned({ frame }: Group): boolean {
  return (viewOf(frame).getUint16(18, true) & SIGNED) !== 0
}

/** Whether a group carries this key's signature for this log. */
export function isSignedBy(group: Group, key: Pick<LogKey, 'name' | 'verify'>): boolean {
  const { frame } = group
  return isSigned(group) && key.verify(groupStatement(frame, key), frame.subarray(frame.byteLength - SIGNATURE_BYTES))
}

/** What is signed of a group: its hash, in the name of its log, so that no log's group can pass for another's. */
function groupStatement(frame: Uint8Array, { name }: Pick<LogKey, 'name'>): Uint8Array {
  return Buffer.from(`aivida/log-group/1\n${name}\n${hashOf(frame)}`)
}

/** Length of the frame at `at` when its header is whole, else `undefined`. The body may still be damaged. */
export function frameLength(bytes: Uint8Array, at: number): number | undefined {
  if (at + HEADER_BYTES > bytes.byteLength) return undefined
  const header = bytes.subarray(at, at + HEADER_BYTES)
  const view = viewOf(header)
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(8, true) !== headerChecksum(header)) return undefined
  return view.getUint32(4, true)
}

/** The whole group at `at`, a view, or `undefined` when there is none. Throws `log.version`. */
export function groupAt(bytes: Uint8Array, at: number): Group | undefined {
  const length = frameLength(bytes, at)
  if (length === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const version = view.getUint16(16, true)
  if (version > VERSION) throw newerVersion('the log', version, VERSION)
  if (length < HEADER_BYTES + TRAILER_BYTES || at + length > bytes.byteLength) return undefined
  const frame = bytes.subarray(at, at + length)
  if (view.getUint32(12, true) !== crc32(frame.subarray(HEADER_BYTES))) return undefined
  return {
    firstSeq: Number(view.getBigUint64(24, true)),
    count: view.getUint32(20, true),
    epoch: Number(view.getBigUint64(32, true)),
    wallMs: Number(view.getBigUint64(40, true)),
    previousHash: Buffer.from(frame.subarray(56, 88)).toString('hex'),
    frame,
  }
}

/** The whole groups that lie end to end in these bytes, as views; ends before the first that is not whole. */
export function* groupsIn(bytes: Uint8Array): Generator<Group> {
  for (let at = 0; at < bytes.byteLength; ) {
    const group = groupAt(bytes, at)
    if (!group) return
    yield group
    at += group.frame.byteLength
  }
}

/**
 * What the next group is chained to, and what a signature covers. It leaves out the checksums before it, which the
 * signature changes.
 */
export function groupHash(group: Group): Digest {
  return hashOf(group.frame)
}

function hashOf(frame: Uint8Array): Digest {
  return sha256(frame.subarray(HASH_FROM, frame.byteLength - SIGNATURE_BYTES))
}

/** The payloads of a group, in order, as views. Throws `log.corrupt` when they overrun its body. */
export function* groupEntries(group: Group): Generator<Uint8Array> {
  const { frame, firstSeq, count } = group
  const view = viewOf(frame)
  const end = Math.min(HEADER_BYTES + view.getUint32(48, true), frame.byteLength - TRAILER_BYTES)
  let at = HEADER_BYTES
  for (let i = 0; i < count; i++) {
    const from = at + ENTRY_OVERHEAD_BYTES
    const to = from > end ? from : from + view.getUint32(at, true)
    if (to > end) throw corrupt({ file: 'a sealed group', seq: firstSeq + i, found: 'lengths that do not add up' })
    yield frame.subarray(from, to)
    at = to
  }
}

function headerChecksum(header: Uint8Array): number {
  return crc32(header.subarray(12, HEADER_BYTES), crc32(header.subarray(0, 8)))
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
