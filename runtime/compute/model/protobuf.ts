import { limit } from '../../base/limits.ts'

/** Bytes that are not the protobuf message they should be; `at` is the offset where reading stopped. */
export class ProtobufError extends Error {
  readonly at: number

  constructor(what: string, at: number) {
    super(what)
    this.at = at
  }
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/**
 * Walks the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding/) without a schema, a copy
 * or recursion: `next()` steps to a field, which then stands in the public members. A nested message is a range to
 * walk with another reader, so a byte is looked at once for each level that somebody asks for.
 */
export class ProtobufReader {
  readonly bytes: Uint8Array
  /** Number of the field stepped to. */
  field = 0
  /** Value of a varint field, else 0; beyond 2^53 it is rounded, a negative int64 is negative. */
  value = 0
  /** Range of the content of a length-delimited field; empty for any other. */
  start = 0
  end = 0
  #wire = VARINT
  #at: number
  readonly #limit: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.byteLength) {
    this.bytes = bytes
    this.#at = start
    this.#limit = end
  }

  /** Steps to the next field; `false` at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#limit) return false
    const key = this.#varint()
    this.#wire = key % 8
    this.field = (key - this.#wire) / 8
    if (this.field < 1 || this.field > 0x1fffffff) throw new ProtobufError(`field number ${this.field}`, this.#at)
    this.value = this.#wire === VARINT ? this.#varint() : 0
    const length = this.#wire === BYTES ? this.#varint() : 0
    this.start = this.#at
    this.end = this.#skip(length)
    if (this.#wire === FIXED64) this.#skip(8)
    else if (this.#wire === FIXED32) this.#skip(4)
    else if (this.#wire !== VARINT && this.#wire !== BYTES) throw new ProtobufError(`wire type ${this.#wire}`, this.#at)
    return true
  }

  /** Bytes of the field's content. */
  get size(): number {
    return this.end - this.start
  }

  /** The field's content as a message to walk. */
  message(): ProtobufReader {
    return new ProtobufReader(this.bytes, this.start, this.end)
  }

  /** The field's content as text, which may not be longer than a name. */
  text(): string {
    if (this.size > MAX_TEXT_BYTES) throw new ProtobufError(`a name of ${this.size} bytes`, this.start)
    return TEXT.decode(this.bytes.subarray(this.start, this.end))
  }

  /** The field as integers: the one of a varint, or those packed in a length-delimited field. */
  *integers(): Generator<number> {
    if (this.#wire === VARINT) yield this.value
    const packed = this.message()
    while (packed.#at < packed.#limit) yield packed.#varint()
  }

  #skip(length: number): number {
    if (length < 0 || length > this.#limit - this.#at) throw new ProtobufError(`length ${length}`, this.#at)
    this.#at += length
    return this.#at
  }

  #varint(): number {
    // Three pieces of 28, 28 and 8 bits: each exact in a double, and the last one carries the sign of an int64.
    let [low, middle, high] = [0, 0, 0]
    for (let count = 0; count < 10 && this.#at < this.#limit; count++) {
      const byte = this.bytes[this.#at++]!
      const bits = byte & 0x7f
      if (count < 4) low += bits << (7 * count)
      else if (count < 8) middle += bits << (7 * (count - 4))
      else high += bits << (7 * (count - 8))
      if (byte < 0x80) return (high >= 128 ? high - 256 : high) * 2 ** 56 + middle * 2 ** 28 + low
    }
    throw new ProtobufError('varint', this.#at)
  }
}

const TEXT = new TextDecoder()
const MAX_TEXT_BYTES = 4 * limit('tensorNameCharacters')
