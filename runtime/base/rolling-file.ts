import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Bounds of a {@link RollingFile}. */
export interface RollingFileInit {
  /** The current file; older ones get `.1`, `.2` ... appended, `.1` being the youngest. */
  readonly path: string
  /** Size at which the current file is put aside. Bytes. */
  readonly maxBytes: number
  /** Files kept, the current one included. */
  readonly files: number
}

/**
 * Appends lines to a file of bounded size (0600). Each line is written at once, so that the last ones before a crash
 * are there. A line that cannot be written is dropped and counted: a full disk must not take the node down.
 */
export class RollingFile {
  readonly #init: RollingFileInit
  #fd: number
  #sizeBytes: number
  #dropped = 0

  constructor(init: RollingFileInit) {
    this.#init = init
    mkdirSync(dirname(init.path), { recursive: true, mode: 0o700 })
    this.#fd = openSync(init.path, 'a', 0o600)
    this.#sizeBytes = fstatSync(this.#fd).size
  }

  /** Lines lost since the last one that was written. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    try {
      const bytes = Buffer.from(line)
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#init.maxBytes) this.#roll()
      this.#sizeBytes += writeSync(this.#fd, bytes)
      this.#dropped = 0
    } catch {
      this.#dropped++
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #roll(): void {
    const { path, files } = this.#init
    const name = (age: number) => (age === 0 ? path : `${path}.${age}`)
    // The current file is missing when the last attempt ended half-way: the others are in their places by then.
    if (existsSync(path))
      for (let age = files - 1; age > 0; age--) if (existsSync(name(age - 1))) renameSync(name(age - 1), name(age))
    const full = this.#fd
    this.#fd = openSync(path, 'a', 0o600)
    this.#sizeBytes = 0
    closeSync(full)
  }
}
