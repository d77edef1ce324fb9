import { createReadStream } from 'node:fs'
import { limit, userError } from '../../base/index.ts'

/** A line of a text file; `number` counts from 1, as editors do. */
export interface Line {
  readonly number: number
  readonly bytes: Uint8Array
}

/** The lines of a file that hold more than white space, as they are read. Throws `source.bad-line` for a too long one. */
export async function* lines(path: string, signal?: AbortSignal): AsyncGenerator<Line, void, undefined> {
  const stream = createReadStream(path, { highWaterMark: limit('chunkBytes'), ...(signal && { signal }) })
  let [number, rest] = [1, Buffer.alloc(0)]
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const bytes = Buffer.concat([rest, chunk.subarray(from, end)])
      if (!isBlank(bytes)) yield { number, bytes }
      number++
      from = end + 1
      rest = Buffer.alloc(0)
    }
    rest = Buffer.concat([rest, chunk.subarray(from)])
    if (rest.byteLength > limit('jsonLineBytes'))
      throw userError(
        'source.bad-line',
        `line ${number} of ${path} is longer than ${limit('jsonLineBytes')} bytes; is it one object per line? Use Arrow for large rows`,
        { line: number },
      )
  }
  if (!isBlank(rest)) yield { number, bytes: rest }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
}

const NEWLINE = 0x0a
