import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { chunksOf } from '../../../runtime/data/blob/content.ts'

const CHUNK = limit('chunkBytes')

async function chunks(pieces: readonly Uint8Array[]) {
  const found: { bytes: Uint8Array; room: ArrayBufferLike }[] = []
  for await (const chunk of chunksOf(pieces, { passing: true }))
    found.push({ bytes: chunk.slice(), room: chunk.buffer })
  return found
}

test('chunks that pass share two rooms; small content in pieces takes no more room than it has bytes', async () => {
  const piece = new Uint8Array(CHUNK / 2 + 1).fill(7)
  const passed = await chunks(Array.from({ length: 9 }, () => piece))
  assert.equal(
    passed.map(({ bytes }) => bytes.byteLength),
    [CHUNK, CHUNK, CHUNK, CHUNK, 9 * piece.byteLength - 4 * CHUNK],
  )
  assert.ok(passed.every(({ bytes }) => bytes.every((byte) => byte === 7)))
  assert.is(new Set(passed.slice(0, 4).map(({ room }) => room)).size, 2)
  const [small] = await chunks([Uint8Array.of(1, 2), Uint8Array.of(3)])
  assert.equal([...small!.bytes], [1, 2, 3])
  assert.ok(small!.room.byteLength < CHUNK, `${small!.room.byteLength} bytes were set aside for 3`)
})

test.run()
