import type { ByteStream, StreamOptions } from '../transport/transport.ts'
import { EndMark } from './end-mark.ts'
import { encodePrefix, type FrameKind, sizeOf } from './frame.ts'

/** Writes frames to a byte stream, one at a time. */
export class FrameWriter {
  readonly #stream: ByteStream
  readonly #sent = new EndMark()

  constructor(stream: ByteStream) {
    this.#stream = stream
  }

  /** Sends a message. The bytes must not change before this resolves. */
  message(header: Uint8Array, body: readonly Uint8Array[], options: StreamOptions): Promise<void> {
    return this.#write('message', header, body, options)
  }

  /** Sends the end mark and closes this direction. */
  async end(): Promise<void> {
    await this.#write('end', this.#sent.bytes(), [], {})
    await this.#stream.closeWrite()
  }

  async #write(
    kind: FrameKind,
    header: Uint8Array,
    body: readonly Uint8Array[],
    options: StreamOptions,
  ): Promise<void> {
    const prefix = encodePrefix(kind, header, body)
    await this.#stream.write(joinSmall([prefix, header, ...body]), options)
    this.#sent.add(prefix, { headerBytes: header.byteLength, bodyBytes: sizeOf(body) })
  }
}

/** Joins runs of small pieces, each of which would cost a call of its own; large ones stay as they are, uncopied. */
function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = []
  let run: Uint8Array[] = []
  let runBytes = 0
  const flush = (): void => {
    if (run.length > 0) joined.push(run.length === 1 ? run[0]! : Buffer.concat(run, runBytes))
    run = []
    runBytes = 0
  }
  for (const piece of pieces) {
    if (runBytes + piece.byteLength > SMALL_BYTES) flush()
    run.push(piece)
    runBytes += piece.byteLength
  }
  flush()
  return joined
}

const SMALL_BYTES = 64 * 1024
