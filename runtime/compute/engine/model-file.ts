import { fstat, read } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { AividaError, aborted } from '../../base/errors.ts'
import { limit } from '../../base/limits.ts'
import type { ModelFile } from './engine.ts'

/** A file of a model, open and of known size. */
export interface OpenModelFile {
  readonly sizeBytes: number
  /** The content in order, in pieces of `chunkBytes` at most. Throws `model.unreadable` when it ends early. */
  chunks(signal?: AbortSignal): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** Opens a file of a model. Throws `model.missing`, `model.unreadable`. */
export async function openModelFile(file: ModelFile): Promise<OpenModelFile> {
  if (file instanceof Uint8Array) return bytesFile(file)
  let handle: FileHandle | undefined
  try {
    if ('path' in file) handle = await open(file.path, 'r')
    const fd = 'fd' in file ? file.fd : handle!.fd
    const stat = await promisify(fstat)(fd)
    if (!stat.isFile()) throw new Error('not a regular file')
    return {
      sizeBytes: stat.size,
      chunks: (signal) => chunksOf(fd, stat.size, signal),
      close: async () => handle?.close(),
    }
  } catch (error) {
    await handle?.close()
    throw unreadable(error, 'path' in file ? file.path : `descriptor ${file.fd}`)
  }
}

/** Opens several, or none: when one can't be opened, the others are closed again. Throws as {@link openModelFile} does. */
export async function openModelFiles(files: readonly ModelFile[]): Promise<OpenModelFile[]> {
  const open: OpenModelFile[] = []
  try {
    for (const file of files) open.push(await openModelFile(file))
    return open
  } catch (error) {
    for (const file of open) await file.close()
    throw error
  }
}

/** The whole content, in one buffer. */
export async function readModelFile(file: ModelFile, signal?: AbortSignal): Promise<Uint8Array> {
  if (file instanceof Uint8Array) return file
  const source = await openModelFile(file)
  try {
    const bytes = Buffer.allocUnsafeSlow(source.sizeBytes)
    let at = 0
    for await (const chunk of source.chunks(signal)) {
      bytes.set(chunk, at)
      at += chunk.byteLength
    }
    return bytes
  } finally {
    await source.close()
  }
}

function bytesFile(bytes: Uint8Array): OpenModelFile {
  return {
    sizeBytes: bytes.byteLength,
    async *chunks() {
      for (let at = 0; at < bytes.byteLength; at += limit('chunkBytes'))
        yield bytes.subarray(at, at + limit('chunkBytes'))
    },
    close: async () => {},
  }
}

async function* chunksOf(fd: number, sizeBytes: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; ) {
    if (signal?.aborted) throw aborted()
    const chunk = Buffer.allocUnsafe(Math.min(limit('chunkBytes'), sizeBytes - at))
    const { bytesRead } = await promisify(read)(fd, chunk, 0, chunk.byteLength, at)
    if (bytesRead === 0) throw unreadable(new Error(`it ends at ${at} of ${sizeBytes} bytes`), `descriptor ${fd}`)
    yield chunk.subarray(0, bytesRead)
    at += bytesRead
  }
}

function unreadable(error: unknown, where: string): AividaError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
  return new AividaError({
    code: missing ? 'model.missing' : 'model.unreadable',
    category: 'user',
    message: missing
      ? `no model file at ${where}; check the path`
      : `the model file ${where} cannot be read: ${error instanceof Error ? error.message : error}`,
    cause: error,
  })
}
