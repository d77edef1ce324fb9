import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { AividaError, aborted, type Clock, limit, type Random, randomId, userError } from '../../base/index.ts'

/** What {@link Uploads} are made from. */
export interface UploadsInit {
  /** Folder that holds them; made when it is missing. */
  readonly folder: string
  readonly clock: Clock
  readonly random: Random
}

const PARTIAL = 'partial-'

/**
 * Tables that clients have sent, as Arrow files named by their hash: sending the same table again costs no space. They
 * stay until they have been untouched for the limit `uploadKeepMs` and room is needed.
 */
export class Uploads {
  readonly #folder: string
  readonly #clock: Clock
  readonly #random: Random

  constructor(init: UploadsInit) {
    this.#folder = init.folder
    this.#clock = init.clock
    this.#random = init.random
  }

  /** Makes the folder and clears away what an earlier run left half-written. */
  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#folder))
      if (name.startsWith(PARTIAL)) await rm(join(this.#folder, name), { force: true })
  }

  /**
   * Stores one Arrow stream or file, piece by piece. Throws `data.not-arrow`, `request.too-large`, `data.full`,
   * `disk.full`, `aborted`; nothing is left behind then.
   */
  async store(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ path: string; sizeBytes: number }> {
    await this.#makeRoom()
    const partial = join(this.#folder, PARTIAL + randomId(this.#random))
    try {
      const { name, sizeBytes } = await this.#write(partial, pieces, signal)
      const path = join(this.#folder, name)
      await rename(partial, path)
      const now = this.#clock.wallMs() / 1_000
      await utimes(path, now, now)
      return { path, sizeBytes }
    } catch (error) {
      await rm(partial, { force: true })
      if (signal.aborted) throw aborted('the upload was given up by its sender', error)
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw diskFull(this.#folder, error)
      throw error
    }
  }

  async #write(path: string, pieces: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    const hash = createHash('sha256')
    let sizeBytes = 0
    let head = Buffer.alloc(0)
    await using file = await open(path, 'wx', 0o600)
    for await (const piece of pieces) {
      signal.throwIfAborted()
      sizeBytes += piece.byteLength
      if (sizeBytes > limit('requestBytes')) throw tooLarge()
      if (head.length < 8) {
        head = Buffer.concat([head, piece.subarray(0, 8)])
        if (head.length >= 8 && !looksLikeArrow(head)) throw notArrow()
      }
      hash.update(piece)
      await file.write(piece)
    }
    if (head.length < 8) throw notArrow()
    await file.sync()
    return { name: `${hash.digest('hex')}.arrow`, sizeBytes }
  }

  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#folder)
    if (names.length < limit('uploads')) return
    let left = names.length
    for (const name of names) {
      const path = join(this.#folder, name)
      const { mtimeMs } = await stat(path)
      if (this.#clock.wallMs() - mtimeMs < limit('uploadKeepMs')) continue
      await rm(path, { force: true })
      left--
    }
    if (left >= limit('uploads'))
      throw userError('data.full', `${left} uploads are kept, at most ${limit('uploads')} may be`, {
        remedy: `delete those you no longer need from ${this.#folder}, or pass the path of a file instead`,
      })
  }
}

function looksLikeArrow(head: Buffer): boolean {
  return head.readUInt32LE(0) === 0xffffffff || head.subarray(0, 6).equals(Buffer.from('ARROW1'))
}

const notArrow = () =>
  userError('data.not-arrow', 'expected an Arrow stream or file, found other bytes; send tableToIPC(table)')

const tooLarge = () =>
  userError('request.too-large', `an upload may have at most ${limit('requestBytes')} bytes`, {
    remedy: 'write the table to an Arrow file and pass its path as the input',
  })

const diskFull = (folder: string, cause: unknown) =>
  new AividaError({
    code: 'disk.full',
    category: 'platform',
    message: `no space left to store an upload in ${folder}; free some and try again`,
    retryable: true,
    cause,
  })
