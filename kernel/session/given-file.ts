import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { toAividaError } from '../../runtime/base/errors.ts'
import { writeWhole } from '../../runtime/base/whole-file.ts'

/** Writes a file where a cell says, whole or not at all, and makes its folder. Gives its absolute path. Throws `disk.full`, `system.*`. */
export async function writeGiven(
  file: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
    throw toAividaError(error)
  })
  return (await writeWhole(file, pieces)).path
}
