import { StringDecoder } from 'node:string_decoder'
import { type Cell, currentCell } from '../cell.ts'

type Name = 'stdout' | 'stderr'
type Done = (error?: Error | null) => void

/**
 * From now on what is written to stdout and stderr belongs to the cell that began the work, also when it has ended; what
 * belongs to no cell is written as before. Child processes that inherit the real streams are not heard. Returns how to
 * undo it.
 */
export function captureOutput(): () => void {
  const undo = (['stdout', 'stderr'] as const).map(capture)
  return () => {
    for (const each of undo) each()
  }
}

function capture(name: Name): () => void {
  const stream = process[name]
  const write = stream.write
  // A character may be cut in two by the writer's buffer: each cell's half waits for its own other half.
  const decoders = new WeakMap<Cell, StringDecoder>()
  const toCell = (chunk: Uint8Array | string, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const cell = currentCell()
    if (cell === undefined) return write.call(stream, chunk, encoding as BufferEncoding, done)
    const text = isText(chunk, encoding) ? chunk : decoderOf(decoders, cell).write(bytesOf(chunk, encoding))
    if (text !== '') cell.put({ type: 'stream', name, text })
    const written = typeof encoding === 'function' ? encoding : done
    if (written) process.nextTick(written, null)
    return true
  }
  stream.write = toCell as typeof stream.write
  return () => {
    stream.write = write
  }
}

function isText(chunk: Uint8Array | string, encoding?: BufferEncoding | Done): chunk is string {
  return typeof chunk === 'string' && (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding))
}

function bytesOf(chunk: Uint8Array | string, encoding?: BufferEncoding | Done): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : Buffer.from(chunk)
}

function decoderOf(decoders: WeakMap<Cell, StringDecoder>, cell: Cell): StringDecoder {
  const known = decoders.get(cell)
  if (known) return known
  const decoder = new StringDecoder('utf8')
  decoders.set(cell, decoder)
  return decoder
}
