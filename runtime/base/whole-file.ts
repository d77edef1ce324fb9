import { open, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { toAividaError } from './errors.ts'

/** A file that was written. */
export interface WrittenFile {
  /** Absolute. */
  readonly path: string
  readonly sizeBytes: number
}

/**
 * Writes a file that is there whole or not at all, durably: beside its place first, under a name of this process' own.
 * `mode`: its permissions. Default: as the process makes files. Throws `disk.full`, `system.*`, and what `pieces` throw.
 */
export async function writeWhole(
  file: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { mode }: { readonly mode?: number } = {},
): Promise<WrittenFile> {
  const path = resolve(file)
  const temporary = `${path}.${process.pid}.part`
  let sizeBytes = 0
  try {
    const handle = await open(temporary, 'w', mode)
    try {
      for await (const piece of pieces) {
        await handle.writeFile(piece)
        sizeBytes += piece.byteLength
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    return { path, sizeBytes }
  } catch (error) {
    await rm(temporary, { force: true })
    throw toAividaError(error)
  }
}
