import { dirname } from 'node:path'
import type { Chance } from './chance.ts'

/** A change of a file that no sync has made durable yet. */
type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly sizeBytes: number }

/** A file: what its readers see, and what a power cut would leave of it. */
export class Inode {
  content: Uint8Array = new Uint8Array()
  #durable: Uint8Array = new Uint8Array()
  #unsynced: Change[] = []
  /** Changes that were ever synced. */
  #synced = 0

  write(bytes: Uint8Array, at: number): void {
    this.#change({ at, bytes: bytes.slice() })
  }

  truncate(sizeBytes: number): void {
    this.#change({ sizeBytes })
  }

  #change(change: Change): void {
    this.content = applied(this.content, change)
    this.#unsynced.push(change)
  }

  /** Begins a sync; the returned function ends it: what was written before it began is durable then. */
  sync(): () => void {
    const upTo = this.#synced + this.#unsynced.length
    const { content } = this
    return () => {
      if (upTo <= this.#synced) return
      this.#durable = content
      this.#unsynced = this.#unsynced.slice(upTo - this.#synced)
      this.#synced = upTo
    }
  }

  /** The power fails: each page that was not synced is on the platter or not, and the last one may be torn. */
  cut(chance: Chance): void {
    for (const change of this.#unsynced) this.#durable = survivors(this.#durable, change, chance)
    this.#unsynced = []
    this.content = this.#durable
  }
}

const PAGE_BYTES = 4_096

function applied(content: Uint8Array, change: Change): Uint8Array {
  const end = 'bytes' in change ? Math.max(content.byteLength, change.at + change.bytes.byteLength) : change.sizeBytes
  const next = new Uint8Array(end)
  next.set(content.subarray(0, end))
  if ('bytes' in change) next.set(change.bytes, change.at)
  return next
}

function survivors(content: Uint8Array, change: Change, chance: Chance): Uint8Array {
  if (!('bytes' in change)) return chance.happens(0.5) ? applied(content, change) : content
  const { at, bytes } = change
  const fate = chance.whole(0, 3) // lost, whole, cut off somewhere, or page by page
  if (fate === 0) return content
  if (fate === 1) return applied(content, change)
  if (fate === 2) return applied(content, { at, bytes: bytes.subarray(0, chance.whole(0, bytes.byteLength)) })
  let left = content
  for (let from = 0; from < bytes.byteLength; from += PAGE_BYTES) {
    const page = { at: at + from, bytes: bytes.subarray(from, from + PAGE_BYTES) }
    if (chance.happens(0.5)) left = applied(left, page)
  }
  return left
}

/** The names on a disk; those that were changed since their folder was synced may be lost, the last ones first. */
export class Names {
  #now = new Map<string, Inode>()
  #durable = new Map<string, Inode>()
  #unsynced: { readonly dir: string; readonly change: (names: Map<string, Inode>) => void }[] = []

  get(path: string): Inode | undefined {
    return this.#now.get(path)
  }

  /** What stands in a folder: files, and the folders that hold some. */
  list(dir: string): string[] {
    const below = [...this.#now.keys()].filter((path) => path.startsWith(`${dir}/`))
    return [...new Set(below.map((path) => path.slice(dir.length + 1).split('/', 1)[0]!))].sort()
  }

  put(path: string, inode: Inode): void {
    this.#change(path, (names) => names.set(path, inode))
  }

  remove(path: string): void {
    if (this.#now.has(path)) this.#change(path, (names) => names.delete(path))
  }

  /** One change: a crash leaves the old name or the new one. */
  rename(from: string, to: string, inode: Inode): void {
    this.#change(to, (names) => {
      names.delete(from)
      names.set(to, inode)
    })
  }

  #change(path: string, change: (names: Map<string, Inode>) => void): void {
    change(this.#now)
    this.#unsynced.push({ dir: dirname(path), change })
  }

  /** Makes the names of a folder durable. */
  sync(dir: string): void {
    for (const each of this.#unsynced) if (each.dir === dir) each.change(this.#durable)
    this.#unsynced = this.#unsynced.filter((each) => each.dir !== dir)
  }

  /** The power fails. A journalling file system keeps a prefix of the changes of each folder. */
  cut(chance: Chance): void {
    for (const dir of new Set(this.#unsynced.map((each) => each.dir))) {
      const changes = this.#unsynced.filter((each) => each.dir === dir)
      for (const { change } of changes.slice(0, chance.whole(0, changes.length))) change(this.#durable)
    }
    this.#unsynced = []
    this.#now = new Map(this.#durable)
    for (const inode of new Set(this.#now.values())) inode.cut(chance)
  }
}
