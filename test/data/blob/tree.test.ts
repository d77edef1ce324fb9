import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import { blobTree, treeOfBytes } from '../../../runtime/data/blob/index.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import { packDigests, unpackTree } from '../../../runtime/data/blob/tree.ts'
import { refuses } from '../refusal.ts'

const MiB = 1024 * 1024
const sha = (...parts: (string | Uint8Array)[]) => {
  const hasher = createHash('sha256')
  for (const part of parts) hasher.update(part)
  return hasher.digest()
}
const fixture = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/data/blob-v1.json'), 'utf8'))

test('the root is what the format says, worked out by hand', () => {
  const content = Buffer.concat([Buffer.alloc(MiB, 1), Buffer.alloc(MiB, 2), Buffer.from('end')])
  const chunks = [content.subarray(0, MiB), content.subarray(MiB, 2 * MiB), content.subarray(2 * MiB)]
  const leaf = (chunk: Uint8Array) => sha(Uint8Array.of(0), sha('aivida/chunk/1', chunk))
  const node = (left: Uint8Array, right: Uint8Array) => sha(Uint8Array.of(1), left, right)
  const [a, b, c] = chunks.map(leaf) as [Buffer, Buffer, Buffer]
  const size = Buffer.from((2 * MiB + 3).toString(16).padStart(16, '0'), 'hex')
  const tree = treeOfBytes(content)
  assert.is(tree.root, sha('aivida/blob/1', size, node(node(a, b), c)).toString('hex'))
  assert.equal(
    tree.chunks,
    chunks.map((chunk) => sha('aivida/chunk/1', chunk).toString('hex')),
  )
  assert.is(treeOfBytes(new Uint8Array()).root, sha('aivida/blob/1', new Uint8Array(8), sha()).toString('hex'))
})

test('roots of version 1 stay what they were', async () => {
  for (const [size, root] of Object.entries(fixture.roots)) {
    const bytes = new Uint8Array(Number(size)).fill(7)
    assert.is((await blobTree(bytes)).root, root)
    assert.is(treeOfBytes(bytes).root, root)
  }
})

test('messages of version 1 are read as they were written', () => {
  for (const [codec, messages] of [
    [blobRequestCodec, fixture.requests],
    [blobReplyCodec, fixture.replies],
  ] as const)
    for (const hex of messages) {
      const message = codec.decode(Buffer.from(hex, 'hex'))
      assert.is(Buffer.from(codec.encode(message as never)).toString('hex'), hex)
    }
})

test('however content is cut into pieces, its tree is the same', async () => {
  const random = seededRandom(5)
  const bytes = new Uint8Array(2 * MiB + 1000).map((_, i) => i)
  const tree = treeOfBytes(bytes)
  for (let round = 0; round < 5; round++) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = Math.floor(random.float() ** 4 * 2 * MiB)
      pieces.push(bytes.subarray(at, at + length))
      at += length
    }
    async function* stream() {
      yield* pieces
    }
    assert.equal(await blobTree(pieces), tree)
    assert.equal(await blobTree(stream()), tree)
  }
  assert.equal(await blobTree({ path: import.meta.filename }), await blobTree(readFileSync(import.meta.filename)))
  await refuses('blob.no-file', blobTree({ path: join(import.meta.dirname, 'absent') }))
})

test('hashing stops when it is aborted', async () => {
  const controller = new AbortController()
  const hashing = blobTree(new Uint8Array(64 * MiB), { signal: controller.signal })
  setImmediate(() => controller.abort())
  await refuses('aborted', hashing)
})

test('packed digests make the tree of their root and no other', () => {
  const tree = treeOfBytes(new Uint8Array(3 * MiB))
  const packed = packDigests(tree.chunks)
  assert.equal(unpackTree(tree.root, tree.sizeBytes, packed), tree)
  assert.is(unpackTree(tree.root, tree.sizeBytes - 1, packed), undefined)
  assert.is(unpackTree(tree.root, tree.sizeBytes + 1, packed), undefined)
  assert.is(unpackTree(tree.root, tree.sizeBytes, packed.subarray(1)), undefined)
  assert.is(unpackTree('00'.repeat(32), tree.sizeBytes, packed), undefined)
  assert.is(limit('chunkBytes'), MiB, 'the size of a chunk is part of the format')
})

test.run()
