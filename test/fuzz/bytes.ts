import type { Random } from '../../runtime/base/index.ts'

/** A whole number below `bound`. */
export const below = (random: Random, bound: number): number => Math.floor(random.float() * bound)

/** One of these. */
export const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)]!

/** What lengths, counts and offsets lie about. */
const LENGTHS = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xfffff, 0x7fffffff, 0x80000000, 0xffffffff]
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0x9b, 0xa1, 0xbb, 0xd8, 0xf6, 0xf7, 0xfb, 0xff]

type Mutation = (bytes: Buffer, random: Random, other: Uint8Array) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = below(random, bytes.length)
    bytes[at] = bytes[at]! ^ (1 << below(random, 8))
    return bytes
  },
  function setByte(bytes, random) {
    bytes[below(random, bytes.length)] = pick(random, BYTES)
    return bytes
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, below(random, bytes.length))
  },
  function dropRange(bytes, random) {
    const from = below(random, bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + below(random, 16))])
  },
  function repeatRange(bytes, random) {
    const from = below(random, bytes.length)
    const range = bytes.subarray(from, from + 1 + below(random, 64))
    const times = pick(random, [1, 2, 8, 64, 512])
    return Buffer.concat([bytes.subarray(0, from), ...Array(times).fill(range), bytes.subarray(from)])
  },
  function splice(bytes, random, other) {
    const tail = other.subarray(below(random, other.byteLength))
    return Buffer.concat([bytes.subarray(0, below(random, bytes.length)), tail])
  },
  function lieLittleEndian(bytes, random) {
    if (bytes.length >= 4) bytes.writeUInt32LE(pick(random, LENGTHS), below(random, bytes.length - 3))
    return bytes
  },
  function lieBigEndian(bytes, random) {
    if (bytes.length >= 4) bytes.writeUInt32BE(pick(random, LENGTHS), below(random, bytes.length - 3))
    return bytes
  },
  function lieAligned(bytes, random) {
    if (bytes.length >= 8) bytes.writeBigUInt64LE(BigInt(pick(random, LENGTHS)), below(random, bytes.length >> 3) << 3)
    return bytes
  },
  function insertRandom(bytes, random) {
    const at = below(random, bytes.length)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + below(random, 16)), bytes.subarray(at)])
  },
  function nestDeeply(bytes, random) {
    const opener = pick(random, ['\x81', '\xa1\x61a', '[', '{"a":', '\x0a\x7f'])
    const at = below(random, bytes.length)
    const depth = pick(random, [4, 40, 4_000, 30_000])
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(opener.repeat(depth), 'latin1'), bytes.subarray(at)])
  },
  function append(bytes, random) {
    return Buffer.concat([bytes, random.bytes(1 + below(random, 64))])
  },
]

/** A few blind mutations, one after the other: bits, lengths, cuts, splices with `other`, repetition, deep nesting. */
export function mutateBytes(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  let mutated: Uint8Array = Buffer.from(bytes)
  for (let left = 1 + below(random, 3); left > 0; left--) {
    if (mutated.byteLength === 0) return random.bytes(below(random, 8))
    mutated = pick(random, MUTATIONS)(Buffer.from(mutated), random, other)
  }
  return mutated
}
