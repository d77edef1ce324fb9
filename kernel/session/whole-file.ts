import { open, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { toAividaError } from '../../runtime/base/errors.ts'

/** Writes a file that is there whole or not at all; gives its absolute path. Throws `disk.full`, `system.*`. */
export async function writeWhole(
  file: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const path = resolve(file)
  const temporary = `${path}.part`
  try {
    const handle = await open(temporary, 'w')
    try {
      for await (const piece of pieces) await handle.writeFile(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    return path
  } catch (error) {
    await rm(temporary, { force: true })
    throw toAividaError(error)
  }
}
