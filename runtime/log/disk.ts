import { close, fdatasync, fsync, ftruncate, open, read, write } from 'node:fs'
import { mkdir, open as openHandle, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { inUse } from './errors.ts'

/** A file being written. */
export interface DiskFile {
  /** Writes all the bytes at this position. */
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Resolves when what was written survives a power cut. */
  sync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}

/**
 * What the file adapter needs of a disk. {@link systemDisk} is the real one; tests and the simulator bring disks that
 * tear writes, fill up or fail to sync. Errors are the system's own, with their errno as `code`.
 */
export interface Disk {
  /** Makes a directory and those above it, durably; no error when it is there. */
  makeDir(path: string): Promise<void>
  list(dir: string): Promise<readonly string[]>
  /** The bytes from `fromByte` (default: 0) up to, not including, `toByte` (default: the end), as far as there are any. */
  read(path: string, fromByte?: number, toByte?: number): Promise<Uint8Array>
  /** Opens for writing. `mode`: `new` refuses a file that exists, `replace` empties it, `keep` needs it. */
  open(path: string, mode: 'new' | 'replace' | 'keep'): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a file; no error when there is none. */
  remove(path: string): Promise<void>
  /** Makes names that were added, changed or removed in a directory durable. */
  syncDir(dir: string): Promise<void>
  /**
   * Holds `dir` against every other holder, in this process or another, until released or the process ends, however
   * it ends. Throws `log.in-use`.
   */
  lock(dir: string): Promise<() => void>
}

const openFd = promisify(open)
const closeFd = promisify(close)
const readFd = promisify(read)
const writeFd = promisify(write)
const truncateFd = promisify(ftruncate)
const dataSyncFd = promisify(fdatasync)
const syncFd = promisify(fsync)

/** The machine's disk, through node:fs. Files are readable by their owner alone. */
export const systemDisk: Disk = {
  async makeDir(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    for (let made = resolve(path); made.length >= first.length; made = dirname(made)) await this.syncDir(dirname(made))
  },
  list: (dir) => readdir(dir),
  async read(path, fromByte = 0, toByte = Number.POSITIVE_INFINITY) {
    if (fromByte === 0 && toByte === Number.POSITIVE_INFINITY) return (await readSmall(path)) ?? readFile(path)
    const file = await openHandle(path, 'r')
    try {
      const { size } = await file.stat()
      const bytes = new Uint8Array(Math.max(0, Math.min(size, toByte) - fromByte))
      const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, fromByte)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  },
  async open(path, mode) {
    const fd = await openFd(path, { new: 'wx', replace: 'w', keep: 'r+' }[mode], 0o600)
    return {
      async write(bytes, at) {
        for (let done = 0; done < bytes.byteLength; )
          done += (await writeFd(fd, bytes, done, bytes.byteLength - done, at + done)).bytesWritten
      },
      sync: () => dataSyncFd(fd),
      truncate: (sizeBytes) => truncateFd(fd, sizeBytes),
      close: () => closeFd(fd),
    }
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  async syncDir(dir) {
    if (process.platform === 'win32') return // directories cannot be opened there; NTFS journals their changes itself
    const fd = await openFd(dir, 'r')
    await syncFd(fd).finally(() => closeFd(fd))
  },
  async lock(dir) {
    // Node has no flock. SQLite takes its locks on a file that stays empty by fcntl (LockFileEx on Windows): the system
    // frees them with the process, and containers that share the directory see each other's.
    const database = new DatabaseSync(join(dir, 'lock'), { timeout: 0 })
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      const busy = (error as { errcode?: number }).errcode === 5 // SQLITE_BUSY
      throw busy ? inUse(dir, error) : error
    }
    return () => database.close()
  },
}

/** Files below this, such as the epoch that is read with every group, are read in one go. Bytes. */
const SMALL_BYTES = 4096

async function readSmall(path: string): Promise<Uint8Array | undefined> {
  const fd = await openFd(path, 'r')
  try {
    const { bytesRead, buffer } = await readFd(fd, Buffer.allocUnsafe(SMALL_BYTES), 0, SMALL_BYTES, 0)
    return bytesRead < SMALL_BYTES ? buffer.subarray(0, bytesRead) : undefined
  } finally {
    await closeFd(fd)
  }
}

/** What a file is written from: one piece after the other. */
export type Pieces = readonly Uint8Array[] | AsyncIterable<Uint8Array>

/** Puts a file in place durably and at once: a crash leaves the old one or the new one, never half of it. */
export async function replaceFile(disk: Disk, dir: string, name: string, pieces: Pieces): Promise<void> {
  await replaceFiles(disk, dir, [{ name, pieces }])
}

/** As {@link replaceFile}, for several files of one directory, whose names become durable together. */
export async function replaceFiles(
  disk: Disk,
  dir: string,
  files: readonly { readonly name: string; readonly pieces: Pieces }[],
): Promise<void> {
  const waiting = files.values()
  const work = async () => {
    for (const { name, pieces } of waiting) await replace(disk, dir, name, pieces)
  }
  const works = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, files.length) }, work))
  for (const each of works) if (each.status === 'rejected') throw each.reason
  await disk.syncDir(dir)
}

/** As many as Node's thread pool has threads. */
const AT_ONCE = 4

async function replace(disk: Disk, dir: string, name: string, pieces: Pieces): Promise<void> {
  const temporary = join(dir, `${name}${TEMPORARY}`)
  const file = await disk.open(temporary, 'replace')
  try {
    let at = 0
    for await (const piece of pieces) {
      await file.write(piece, at)
      at += piece.byteLength
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, join(dir, name))
}

/** How the name of a file ends that a crash left unfinished. */
export const TEMPORARY = '.tmp'
