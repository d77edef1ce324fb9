import type * as nodeFs from 'node:fs/promises'
import { isMissing } from './disk-error.ts'

/** The file operations a directory medium needs; tests bring ones that fail. */
export type FileSystem = Pick<
  typeof nodeFs,
  'lstat' | 'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'rm' | 'stat' | 'utimes'
>

/** Makes names that were added, changed or removed in a directory durable. */
export async function syncDirectory(fs: FileSystem, path: string): Promise<void> {
  if (process.platform === 'win32') return // directories cannot be opened there; NTFS journals their changes itself
  const handle = await fs.open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

/** Puts a file in place whole or not at all, by way of `temporary`; durable once its directory is synced. */
export async function replaceFile(fs: FileSystem, temporary: string, path: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await fs.open(temporary, 'wx', 0o600)
    try {
      await writeAll(handle, 0, bytes)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await fs.rename(temporary, path)
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** Opens a file for reading and writing, making it when there is none. */
export async function openOrMake(fs: FileSystem, path: string): Promise<nodeFs.FileHandle> {
  return fs.open(path, 'r+').catch((error: unknown) => {
    if (isMissing(error)) return fs.open(path, 'wx+', 0o600)
    throw error
  })
}

/** Writes all the bytes at an offset. */
export async function writeAll(handle: nodeFs.FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; )
    done += (await handle.write(bytes, done, bytes.byteLength - done, offset + done)).bytesWritten
}

/** `length` bytes from `offset` in a new, 8-byte-aligned buffer; fewer when the file ends before. */
export async function readUpTo(handle: nodeFs.FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const room = Buffer.allocUnsafeSlow(length)
  return room.subarray(0, await fill(handle, offset, room))
}

/** Fills `room` from `offset` on, as far as the file goes; resolves to how many bytes that were. */
export async function fill(handle: nodeFs.FileHandle, offset: number, room: Uint8Array): Promise<number> {
  for (let done = 0; ; ) {
    const length = Math.min(room.byteLength - done, MAX_READ_BYTES)
    const bytesRead = length > 0 ? (await handle.read(room, done, length, offset + done)).bytesRead : 0
    if (bytesRead === 0) return done
    done += bytesRead
  }
}

/** Node reads at most 2 GiB at once. */
const MAX_READ_BYTES = 1 << 30
