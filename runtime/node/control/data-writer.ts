import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PassThrough } from 'node:stream'
import { z } from 'zod'
import { limit } from '../../base/index.ts'
import { writeAll } from '../../data/blob/directory-files.ts'
import { diskError } from '../../data/blob/disk-error.ts'
import type { DraftFile } from '../../data/blob/index.ts'
import { type DataEntry, dataEntrySchema } from '../data-shelf/data-entry.ts'
import { type Connection, dataOf, malformed, type RequestOptions } from './connection.ts'
import { JSON_LINES, jsonLine, jsonLines } from './json-lines.ts'

/**
 * Written at once, and told of. In steps of 4 MiB the same bytes took up to eight times the system time on a virtual machine,
 * probably because the system then asks for memory in pieces so large that they had been given back to the host.
 */
const STEP_BYTES = limit('chunkBytes')

const fileSchema: z.ZodType<DraftFile> = z.object({ path: z.string(), inode: z.number() })

/**
 * Writes bytes into a file that the node makes for them, see `draftRoute`; resolves when it keeps them. `undefined`, with no
 * piece taken, when this process does not see that file, as in a container that has nothing of the node but its socket. Throws
 * what the node throws, `disk.full`, `disk.failed`, `aborted`; nothing is left of the bytes then.
 */
export async function writeData(
  connection: Connection,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  options: RequestOptions,
): Promise<DataEntry | undefined> {
  const told = new PassThrough()
  told.on('error', () => {}) // the connection's, which the reply tells of
  told.write(jsonLine(0)) // a request goes out with the first bytes of its body
  const headers = { 'content-type': JSON_LINES }
  // No bound on silence: it is this side that has something to say, for as long as it writes.
  const body = await connection.open({ ...options, method: 'POST', path, headers, body: told, silenceMs: 0 })
  try {
    const reply = jsonLines(body, malformed)
    const next = async <T>(schema: z.ZodType<T>) => dataOf((await reply.next()).value, schema)
    const file = await next(fileSchema)
    const handle = await opened(file)
    const kept = next(dataEntrySchema)
    let refusal: unknown // may come before all is written
    kept.catch((error) => {
      refusal = error
    })
    const giveUp = async () => {
      told.end(jsonLine(null))
      await kept.catch(() => {}) // then the node has let go of it
    }
    if (!handle) return void (await giveUp())
    try {
      let sizeBytes = 0
      for await (const step of stepsOf(pieces)) {
        if (refusal !== undefined) throw refusal
        sizeBytes += await write(handle, sizeBytes, step, file.path)
        told.write(jsonLine(sizeBytes))
      }
    } catch (error) {
      if (refusal !== undefined) throw refusal
      await giveUp()
      throw error
    } finally {
      await handle.close()
    }
    told.end()
    return await kept
  } catch (error) {
    throw connection.explain(error, options.signal)
  }
}

/** The file that the node made, and no other that has its name here. */
async function opened({ path, inode }: DraftFile): Promise<FileHandle | undefined> {
  const handle = await open(path, 'r+').catch(() => undefined)
  if (!handle || (await handle.stat()).ino === inode) return handle
  await handle.close()
  return undefined
}

/** What is written by one call each: of large pieces a part, of small ones many. */
async function* stepsOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let step: Uint8Array[] = []
  let stepBytes = 0
  for await (let piece of pieces) {
    while (piece.byteLength > 0) {
      const part = piece.subarray(0, STEP_BYTES - stepBytes)
      piece = piece.subarray(part.byteLength)
      step.push(part)
      stepBytes += part.byteLength
      if (stepBytes < STEP_BYTES) continue
      yield step
      step = []
      stepBytes = 0
    }
  }
  if (stepBytes > 0) yield step
}

async function write(handle: FileHandle, at: number, step: readonly Uint8Array[], path: string): Promise<number> {
  const sizeBytes = step.reduce((sum, { byteLength }) => sum + byteLength, 0)
  try {
    const { bytesWritten } = await handle.writev(step, at)
    if (bytesWritten < sizeBytes) await writeAll(handle, at + bytesWritten, Buffer.concat(step).subarray(bytesWritten))
    return sizeBytes
  } catch (error) {
    throw diskError(error, dirname(path))
  }
}
