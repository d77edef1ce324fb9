import { readSync, writeSync } from 'node:fs'
import { type Frame, frameHead, headerBytes, PREFIX_BYTES, readHeader } from './frame.ts'

/**
 * The child's side of the channel: blocking reads and writes on an inherited descriptor. A child does one thing at a
 * time, so there is nothing for an event loop to do meanwhile, and a message needs no second copy.
 */
export class BlockingChannel {
  readonly #fd: number
  readonly #maxBytes: number

  constructor(fd: number, maxBytes: number) {
    this.#fd = fd
    this.#maxBytes = maxBytes
  }

  /** The next frame; `undefined` when the other end is gone. */
  receive(): Frame<unknown> | undefined {
    const prefix = this.#read(PREFIX_BYTES)
    const json = prefix && this.#read(headerBytes(prefix))
    if (!json) return undefined
    const { header, partBytes } = readHeader(json, this.#maxBytes)
    const totalBytes = partBytes.reduce((sum, size) => sum + size, 0)
    const parts = totalBytes <= ONE_CALL_BYTES ? this.#readSmall(partBytes, totalBytes) : this.#readEach(partBytes)
    return parts && { header, parts }
  }

  #readEach(partBytes: readonly number[]): Uint8Array[] | undefined {
    const parts: Uint8Array[] = []
    for (const size of partBytes) {
      const part = this.#read(size)
      if (!part) return undefined
      parts.push(part)
    }
    return parts
  }

  /** One system call for all; then each goes to a buffer of its own, where it is aligned. */
  #readSmall(partBytes: readonly number[], totalBytes: number): Uint8Array[] | undefined {
    const bytes = this.#read(totalBytes)
    let at = 0
    return (
      bytes &&
      partBytes.map((size) => {
        const part = Buffer.allocUnsafeSlow(size)
        part.set(bytes.subarray(at, at + size))
        at += size
        return part
      })
    )
  }

  /** Sends a frame. Throws `EPIPE` when the other end is gone. */
  send(header: object, parts: readonly Uint8Array[] = []): void {
    const sizes = parts.map(({ byteLength }) => byteLength)
    const pieces = [frameHead(header, sizes), ...parts]
    const small = sizes.reduce((sum, size) => sum + size, 0) <= ONE_CALL_BYTES
    for (const piece of small ? [Buffer.concat(pieces)] : pieces) this.#write(piece)
  }

  #read(size: number): Uint8Array | undefined {
    const bytes = Buffer.allocUnsafeSlow(size)
    for (let at = 0; at < size; ) {
      const got = readSync(this.#fd, bytes, at, Math.min(size - at, MAX_TRANSFER_BYTES), null)
      if (got === 0) return undefined
      at += got
    }
    return bytes
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; )
      at += writeSync(this.#fd, bytes, at, Math.min(bytes.byteLength - at, MAX_TRANSFER_BYTES))
  }
}

/** Up to here one copy is cheaper than a second system call, and the parent wakes once. */
const ONE_CALL_BYTES = 64 * 1024
/** What one read or write call may move: their lengths are 32-bit. */
const MAX_TRANSFER_BYTES = 2 ** 30
