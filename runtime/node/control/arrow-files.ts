import { type FileHandle, open } from 'node:fs/promises'
import { AividaError, limit } from '../../base/index.ts'

const CONTINUATION = 0xffffffff
const MAGIC = Buffer.from('ARROW1')
/** Ends a stream: a continuation marker and a metadata length of zero. */
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)

/**
 * Joins Arrow files, or files in the streaming format, into one stream: the schema once, then every batch of every
 * file. Batches are passed on as bytes, never decoded, in pieces of at most the limit `chunkBytes`.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format.
 * Throws `result.no-parts`, `result.part-missing`, `result.part-damaged`, `result.schemas-differ`.
 */
export async function* joinArrowFiles(files: readonly string[]): AsyncGenerator<Uint8Array> {
  if (files.length === 0) throw failure('result.no-parts', 'the job has ended without a part of a result')
  let schema: Uint8Array | undefined
  for (const file of files) {
    await using handle = await openPart(file)
    const part = { file, handle, sizeBytes: (await handle.stat()).size }
    const own = await schemaOf(part)
    if (!schema) yield own
    else if (Buffer.compare(schema, own) !== 0)
      throw failure('result.schemas-differ', `${file} has another schema than ${files[0]}: read the parts one by one`)
    schema = own
    yield* batchesOf(part)
  }
  yield END_OF_STREAM
}

interface Part {
  readonly file: string
  readonly handle: FileHandle
  readonly sizeBytes: number
}

/** The schema as the message that begins a stream. A file may hold it in its footer alone, so the reader finds it. */
async function schemaOf(part: Part): Promise<Uint8Array> {
  const { RecordBatchReader, Table, tableToIPC } = await import('apache-arrow')
  await bodyStart(part)
  try {
    const reader = await RecordBatchReader.from(part.handle)
    await reader.open()
    return tableToIPC(new Table(reader.schema), 'stream').slice(0, -END_OF_STREAM.length)
  } catch (error) {
    throw damaged(part, 'it has no readable schema', error)
  }
}

/** Every message of a part but its schema, byte for byte. */
async function* batchesOf(part: Part): AsyncGenerator<Uint8Array> {
  const { Message, MessageHeader } = await import('apache-arrow')
  for (let at = await bodyStart(part); at + 8 <= part.sizeBytes; ) {
    const prefix = await readAt(part, at, 8)
    const metadataBytes = prefix.readInt32LE(4)
    if (metadataBytes === 0) return
    if (prefix.readUInt32LE(0) !== CONTINUATION || metadataBytes < 0 || metadataBytes > limit('frameBodyBytes'))
      throw damaged(part, `no message at byte ${at}`)
    const metadata = await readAt(part, at, 8 + metadataBytes)
    const message = Message.decode(metadata.subarray(8))
    const bodyAt = at + metadata.length
    at = bodyAt + message.bodyLength
    if (message.headerType === MessageHeader.Schema) continue
    yield metadata
    for (let from = bodyAt; from < at; from += limit('chunkBytes'))
      yield await readAt(part, from, Math.min(limit('chunkBytes'), at - from))
  }
}

/** Where the messages begin: after the magic of a file, or at once in a stream. */
async function bodyStart(part: Part): Promise<number> {
  const head = await readAt(part, 0, 8)
  if (MAGIC.equals(head.subarray(0, MAGIC.length))) return 8
  if (head.readUInt32LE(0) === CONTINUATION) return 0
  throw damaged(part, 'it does not begin as Arrow does')
}

async function openPart(file: string): Promise<FileHandle> {
  try {
    return await open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw failure('result.part-missing', `expected a part of the result at ${file}, found nothing: was it moved?`)
  }
}

async function readAt(part: Part, position: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.allocUnsafe(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await part.handle.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) throw damaged(part, `it ends before byte ${position + length}`)
    done += bytesRead
  }
  return bytes
}

function damaged({ file }: Part, what: string, cause?: unknown): AividaError {
  return failure('result.part-damaged', `${file} is not whole: ${what}`, cause)
}

function failure(code: string, message: string, cause?: unknown): AividaError {
  return new AividaError({ code, category: 'platform', message, cause })
}
