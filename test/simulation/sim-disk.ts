import { inUse } from '../../runtime/log/errors.ts'
import type { Disk, DiskFile } from '../../runtime/log/index.ts'
import type { Chance } from './chance.ts'
import { Inode, Names } from './disk-image.ts'
import { type Life, never, type World } from './world.ts'

/** What is wrong with a disk now. */
export interface DiskFaults {
  /** How many times slower than usual it is: a worn SD card, a network file system, a neighbour that writes. */
  slowness: number
  /** Bytes that files can still grow by; `undefined`: no end of them. */
  roomBytes: number | undefined
}

/** A write goes to the page cache, a sync to the platter: milliseconds. */
const WRITE_MS = [0.02, 0.3] as const
const SYNC_MS = [0.3, 6] as const

/**
 * A machine's disk under the production file store. A kill of the process keeps what was written; a power cut keeps
 * what was synced, and anything or nothing of the rest, in pages and torn. What fails, fails with its errno.
 */
export class SimDisk {
  readonly faults: DiskFaults = { slowness: 1, roomBytes: undefined }
  readonly #world: World
  readonly #chance: Chance
  readonly #names = new Names()
  readonly #locks = new Map<string, Life>()

  constructor(world: World, chance: Chance) {
    this.#world = world
    this.#chance = chance
  }

  powerCut(): void {
    this.#names.cut(this.#chance)
  }

  /** The disk as one process sees it. */
  mount(life: Life): Disk {
    const io = (what: string, path: string, [min, max]: readonly [number, number]) =>
      this.#io(life, what, path, min, max)
    return {
      makeDir: async (path) => io('mkdir', path, WRITE_MS),
      list: async (dir) => {
        await io('list', dir, WRITE_MS)
        return this.#names.list(dir)
      },
      read: async (path, fromByte = 0) => {
        await io('read', path, WRITE_MS)
        return this.#find(path).content.slice(fromByte)
      },
      open: async (path, mode) => {
        await io(`open-${mode}`, path, WRITE_MS)
        return this.#file(life, path, this.#open(path, mode))
      },
      rename: async (from, to) => {
        await io('rename', to, WRITE_MS)
        this.#names.rename(from, to, this.#find(from))
      },
      remove: async (path) => {
        await io('remove', path, WRITE_MS)
        this.#names.remove(path)
      },
      syncDir: async (dir) => {
        await io('sync-dir', dir, SYNC_MS)
        this.#names.sync(dir)
      },
      lock: async (dir) => {
        await io('lock', dir, WRITE_MS)
        if (this.#locks.get(dir)?.isAlive) throw inUse(dir)
        this.#locks.set(dir, life)
        return () => {
          if (this.#locks.get(dir) === life) this.#locks.delete(dir)
        }
      },
    }
  }

  #file(life: Life, path: string, inode: Inode): DiskFile {
    return {
      write: async (bytes, at) => {
        await this.#io(life, `write ${bytes.byteLength}@${at}`, path, ...WRITE_MS)
        const fits = this.#fits(inode, bytes.byteLength, at)
        inode.write(bytes.subarray(0, fits), at)
        if (fits < bytes.byteLength) throw errno('ENOSPC', 'no space left on device')
      },
      sync: async () => {
        const done = inode.sync()
        await this.#io(life, 'sync', path, ...SYNC_MS)
        done()
      },
      truncate: async (sizeBytes) => {
        await this.#io(life, `truncate ${sizeBytes}`, path, ...WRITE_MS)
        inode.truncate(sizeBytes)
      },
      close: () => this.#io(life, 'close', path, ...WRITE_MS),
    }
  }

  #open(path: string, mode: 'new' | 'replace' | 'keep'): Inode {
    const known = this.#names.get(path)
    if (mode === 'new' && known) throw errno('EEXIST', `${path} exists`)
    if (mode === 'keep' && !known) throw errno('ENOENT', `no such file: ${path}`)
    if (known) {
      if (mode === 'replace') known.truncate(0)
      return known
    }
    if (this.faults.roomBytes === 0) throw errno('ENOSPC', 'no space left on device')
    const inode = new Inode()
    this.#names.put(path, inode)
    return inode
  }

  /** How many of the bytes there is room for. */
  #fits(inode: Inode, bytes: number, at: number): number {
    const { roomBytes } = this.faults
    if (roomBytes === undefined) return bytes
    const growth = Math.max(0, at + bytes - inode.content.byteLength)
    const granted = Math.min(growth, roomBytes)
    this.faults.roomBytes = roomBytes - granted
    return bytes - (growth - granted)
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path)
    if (!inode) throw errno('ENOENT', `no such file: ${path}`)
    return inode
  }

  /** One operation: takes its time, and takes effect only if the process lives both before and after. */
  async #io(life: Life, what: string, path: string, minMs: number, maxMs: number): Promise<void> {
    if (!life.act()) return never()
    this.#world.note('io', `disk ${what} ${path}`, life.site)
    const ms = this.#chance.between(minMs, maxMs) * this.faults.slowness
    await new Promise<void>((resolve) => void this.#world.after(ms, resolve, life.site, life))
  }

  /** Whole files by path, for who looks at the disk from outside. */
  peek(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.content
  }

  /** Paths below a folder. */
  paths(dir: string): string[] {
    return this.#names.list(dir).map((name) => `${dir}/${name}`)
  }
}

function errno(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
