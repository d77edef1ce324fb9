import type { ByteStream } from '../../../runtime/swarm/transport/index.ts'

/** A stream that reads what it was given, then ends, and keeps what is written to it. */
export class ScriptedStream implements ByteStream {
  readonly peer = 'peer'
  readonly protocol = '/t'
  readonly written: Uint8Array[] = []
  writeEnded = false
  aborted: Error | undefined
  readonly #toRead: Uint8Array[]

  constructor(toRead: readonly Uint8Array[] = []) {
    this.#toRead = [...toRead]
  }

  async write(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.aborted) throw this.aborted
    this.written.push(...pieces.map((piece) => piece.slice()))
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.aborted) throw this.aborted
    return this.#toRead.shift()
  }

  async closeWrite(): Promise<void> {
    this.writeEnded = true
  }

  abort(error: Error): void {
    this.aborted ??= error
  }
}

/** The bytes cut into pieces of the given sizes, over and over. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
