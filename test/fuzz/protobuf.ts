/** Structure-aware mutation of protobuf: fields are dropped, doubled, moved and altered, and lengths fit again. */
import type { Random } from '../../runtime/base/index.ts'
import { varint } from '../support/onnx-models.ts'
import { below, mutateBytes, pick } from './bytes.ts'

interface Field {
  key: number
  /** Of a varint. */
  value?: bigint
  /** Of anything else; a message when its bytes can be read as one. */
  content?: Uint8Array | Field[]
}

const NUMBERS = [
  0n,
  1n,
  2n,
  8n,
  16n,
  127n,
  128n,
  255n,
  1n << 31n,
  1n << 32n,
  1n << 53n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
]
const TEXTS = ['', 'Loop', 'If', 'Identity', '../x', 'com.microsoft', 'location', '\u0000', 'ai.onnx', '9'.repeat(30)]

/** Protobuf bytes altered in their structure; bytes that are none altered blindly. */
export function mutateProtobuf(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  const fields = parse(bytes, 0)
  if (!fields || random.float() < 0.2) return mutateBytes(bytes, random, other)
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const message = pick(random, messagesIn(fields))
    if (message.length === 0) continue
    const at = below(random, message.length)
    const field = message[at]!
    const choice = below(random, 6)
    if (choice === 0) message.splice(at, 1)
    else if (choice === 1) message.push(...Array(pick(random, [1, 2, 100, 3_000])).fill(sealed(field)))
    else if (choice === 2) field.key = (pick(random, [...Array(26).keys()]) << 3) | (field.key & 7)
    else if (choice === 3) message.splice(at, 0, ...pick(random, messagesIn(parse(other, 0) ?? [])).slice(0, 8))
    else if (choice === 4 && Array.isArray(field.content)) nest(field, pick(random, [1, 8, 40, 300]))
    else alter(field, random)
  }
  return encode(fields)
}

function alter(field: Field, random: Random): void {
  if (field.value !== undefined) field.value = random.float() < 0.5 ? pick(random, NUMBERS) : field.value + 1n
  else if (random.float() < 0.3) field.content = Buffer.from(pick(random, TEXTS))
  else field.content = mutateBytes(Array.isArray(field.content) ? encode(field.content) : field.content!, random)
}

/** A field that can stand in several places: it is altered no more. */
function sealed({ key, value, content }: Field): Field {
  if (value !== undefined) return { key, value }
  return { key, content: Array.isArray(content) ? encode(content) : content! }
}

/** Puts a message into itself. */
function nest(field: Field, depth: number): void {
  for (let i = 0; i < depth && Array.isArray(field.content) && depthOf(field) < 4_000; i++)
    field.content = [{ key: field.key, content: field.content }]
}

function depthOf(field: Field): number {
  let depth = 0
  for (let at: Field | undefined = field; at && Array.isArray(at.content); at = at.content[0]) depth++
  return depth
}

function messagesIn(fields: Field[]): Field[][] {
  const found: Field[][] = [fields]
  for (let i = 0; i < found.length && found.length < 2_000; i++)
    for (const { content } of found[i]!) if (Array.isArray(content)) found.push(content)
  return found
}

function parse(bytes: Uint8Array, depth: number): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const number = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n && at < bytes.byteLength; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    return undefined
  }
  while (at < bytes.byteLength) {
    const key = Number(number() ?? -1)
    const wire = key & 7
    if (key < 8 || key > 8_000) return undefined
    if (wire === 0) {
      const value = number()
      if (value === undefined) return undefined
      fields.push({ key, value })
      continue
    }
    const length = wire === 2 ? Number(number() ?? -1) : { 1: 8, 5: 4 }[wire]
    if (length === undefined || length < 0 || length > bytes.byteLength - at) return undefined
    const content = bytes.subarray(at, at + length)
    at += length
    fields.push({ key, content: (wire === 2 && length > 1 && depth < 12 && parse(content, depth + 1)) || content })
  }
  return fields
}

/** From the inside out, since what nests may nest deeper than a stack. */
function encode(fields: Field[]): Uint8Array {
  const messages: Field[][] = [fields]
  for (let i = 0; i < messages.length; i++)
    for (const { content } of messages[i]!) if (Array.isArray(content)) messages.push(content)
  const encoded = new Map<Field[], Uint8Array>()
  for (const message of messages.toReversed())
    encoded.set(
      message,
      Buffer.concat(
        message.flatMap(({ key, value, content }) => {
          if (value !== undefined) return [varint(key), bigVarint(value)]
          const bytes = Array.isArray(content) ? encoded.get(content)! : content!
          return (key & 7) === 2 ? [varint(key), varint(bytes.byteLength), bytes] : [varint(key), bytes]
        }),
      ),
    )
  return encoded.get(fields)!
}

function bigVarint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}
