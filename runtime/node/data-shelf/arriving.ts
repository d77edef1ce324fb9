import { createHash } from 'node:crypto'
import { userError } from '../../base/index.ts'

/** What passes, each of it shown to `seen` first. */
export async function* passing<T>(items: AsyncIterable<T>, seen: (item: T) => void): AsyncGenerator<T> {
  for await (const item of items) {
    seen(item)
    yield item
  }
}

/** The same bytes, which end in `data.hash` when they are not those that were expected. */
export async function* checked(
  pieces: AsyncIterable<Uint8Array>,
  expected: string,
  source: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of pieces) {
    hash.update(piece)
    yield piece
  }
  const found = hash.digest('hex')
  if (found !== expected)
    throw userError(
      'data.hash',
      `${source}: expected SHA-256 ${expected}, found ${found}; fetch it again, or correct what is expected`,
      { expected, found },
    )
}
