import { type Frame, headerBytes, PREFIX_BYTES, readHeader } from './frame.ts'

type Stage = 'prefix' | 'header' | 'parts'

/**
 * Puts frames together from the chunks a stream gives. Parts are filled in place, each in a fresh buffer of its exact
 * size. Bounded by `maxBytes` a frame.
 */
export class FrameReader {
  readonly #maxBytes: number
  readonly #onFrame: (frame: Frame<unknown>) => void
  #stage: Stage = 'prefix'
  #target: Uint8Array = new Uint8Array(PREFIX_BYTES)
  #filled = 0
  #header: unknown
  #parts: Uint8Array[] = []
  #nextPart = 0

  constructor(maxBytes: number, onFrame: (frame: Frame<unknown>) => void) {
    this.#maxBytes = maxBytes
    this.#onFrame = onFrame
  }

  /** Takes the next bytes of the stream. Throws `engine.protocol`. */
  push(chunk: Uint8Array): void {
    let at = 0
    for (;;) {
      const take = Math.min(chunk.byteLength - at, this.#target.byteLength - this.#filled)
      this.#target.set(at === 0 && take === chunk.byteLength ? chunk : chunk.subarray(at, at + take), this.#filled)
      at += take
      this.#filled += take
      if (this.#filled < this.#target.byteLength) return
      this.#advance()
    }
  }

  /** The target is full: on to what comes behind it. */
  #advance(): void {
    switch (this.#stage) {
      case 'prefix':
        this.#expect('header', new Uint8Array(headerBytes(this.#target)))
        break
      case 'header': {
        const { header, partBytes } = readHeader(this.#target, this.#maxBytes)
        this.#header = header
        this.#parts = partBytes.map((size) => new Uint8Array(Buffer.allocUnsafeSlow(size).buffer))
        this.#nextPart = 0
        this.#expectPart()
        break
      }
      case 'parts':
        this.#expectPart()
    }
  }

  #expectPart(): void {
    const part = this.#parts[this.#nextPart++]
    if (part) {
      this.#expect('parts', part)
      return
    }
    const frame = { header: this.#header, parts: this.#parts }
    this.#parts = []
    this.#expect('prefix', new Uint8Array(PREFIX_BYTES))
    this.#onFrame(frame)
  }

  #expect(stage: Stage, target: Uint8Array): void {
    this.#stage = stage
    this.#target = target
    this.#filled = 0
  }
}
