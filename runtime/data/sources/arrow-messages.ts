import { Message, type Schema } from 'apache-arrow'
import { Footer } from 'apache-arrow/ipc/metadata/file'
import { limit } from '../../base/index.ts'
import { checkFooter, checkMessage } from './arrow-metadata.ts'
import type { ByteSource } from './byte-source.ts'
import { malformed } from './refusals.ts'

/** A message of Arrow IPC and where it lies: `0xffffffff | i32 size of its metadata | metadata | body`. */
export interface MessageAddress {
  readonly at: number
  /** Of the message and its body. */
  readonly sizeBytes: number
  readonly message: Message
}

const MAGIC = Buffer.from('ARROW1')
const TAIL_BYTES = 4 + MAGIC.length
const CONTINUATION = -1

/**
 * The footer of an Arrow file; `undefined` for a stream.
 * https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format Throws `source.malformed`.
 */
export async function readFooter(bytes: ByteSource): Promise<Footer | undefined> {
  if (!MAGIC.equals(await bytes.read(0, MAGIC.length))) return undefined
  const end = bytes.sizeBytes - TAIL_BYTES
  const tail = Buffer.from(await bytes.read(Math.max(0, end), TAIL_BYTES))
  const length = tail.byteLength === TAIL_BYTES ? tail.readInt32LE(0) : 0
  if (!MAGIC.equals(tail.subarray(4)) || length <= 0 || length > end)
    throw malformed(bytes.name, 'it is cut off: an Arrow file ends with a footer and ARROW1')
  return decoded(bytes, end - length, length, (buffer) => {
    checkFooter(buffer)
    return Footer.decode(buffer)
  })
}

/** The dictionaries and record batches of a file, in the order of its footer. Throws `source.malformed`. */
export async function* fileMessages(bytes: ByteSource, footer: Footer): AsyncGenerator<MessageAddress> {
  for (const { offset } of [...footer.dictionaryBatches(), ...footer.recordBatches()]) {
    const found = await messageAt(bytes, offset)
    if (found) yield found
  }
}

/** All messages of a stream, found by walking from one to the next. Throws `source.malformed`. */
export async function* streamMessages(bytes: ByteSource): AsyncGenerator<MessageAddress> {
  for (let at = 0; ; ) {
    const found = await messageAt(bytes, at)
    if (!found) return
    yield found
    at += found.sizeBytes
  }
}

/** A schema as the message that a stream begins with. */
export function schemaMessage(schema: Schema): Uint8Array {
  const metadata = Message.encode(Message.from(schema))
  const message = Buffer.alloc(8 + Math.ceil(metadata.byteLength / 8) * 8)
  message.writeInt32LE(CONTINUATION, 0)
  message.writeInt32LE(message.byteLength - 8, 4)
  message.set(metadata, 8)
  return message
}

/** `undefined` at the end of a stream, which may be said (a message of no metadata) or not. */
async function messageAt(bytes: ByteSource, at: number): Promise<MessageAddress | undefined> {
  const prefix = Buffer.from(await bytes.read(at, 8))
  if (prefix.byteLength < 8) return undefined
  if (prefix.readInt32LE(0) !== CONTINUATION)
    throw malformed(bytes.name, `expected Arrow IPC of version 0.15 or later, found something else at byte ${at}`)
  const length = prefix.readInt32LE(4)
  if (length === 0) return undefined
  const message = await decoded(bytes, at + 8, length, (buffer) => {
    checkMessage(buffer)
    const decoded = Message.decode(buffer)
    decoded.header() // decoded late otherwise, where damage would come as another error
    return decoded
  })
  const sizeBytes = 8 + length + message.bodyLength
  if (at + sizeBytes > bytes.sizeBytes)
    throw malformed(bytes.name, `it is cut off: ${bytes.sizeBytes} bytes of at least ${at + sizeBytes} are there`)
  if (message.bodyLength > limit('recordBatchBytes'))
    throw malformed(
      bytes.name,
      `a record batch of ${message.bodyLength} bytes would be read whole; write batches of at most ${limit('recordBatchBytes')}`,
    )
  return { at, sizeBytes, message }
}

async function decoded<T>(
  bytes: ByteSource,
  at: number,
  length: number,
  decode: (buffer: Uint8Array) => T,
): Promise<T> {
  try {
    if (length < 0 || at + length > bytes.sizeBytes) throw new RangeError(`${length} bytes at byte ${at}`)
    return decode(await bytes.read(at, length))
  } catch (error) {
    throw malformed(bytes.name, `what should be Arrow metadata at byte ${at} is damaged`, error)
  }
}
