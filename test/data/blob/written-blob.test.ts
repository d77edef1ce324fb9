import { mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import {
  blobTree,
  DiskBudget,
  directoryBlobStore,
  type FileSystem,
  memoryBlobStore,
  type WrittenElsewhere,
} from '../../../runtime/data/blob/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aivida-written-'))
test.after(() => rmSync(scratch, { recursive: true }))

const MiB = 2 ** 20
const clock = new VirtualClock()
const content = seededRandom(9).bytes(3 * MiB + 11)
let homes = 0

async function opened(init: { budget?: DiskBudget; fs?: FileSystem } = {}) {
  const dir = join(scratch, String(homes++))
  const store = await directoryBlobStore({ clock, dir, ...init })
  return { store, left: () => readdirSync(join(dir, 'incoming')) }
}

/** Writes `content` up to each of these sizes in turn, and tells of it; then does `more` to the file. */
function writing(sizes: readonly number[], more: (path: string) => void = () => {}): WrittenElsewhere {
  return async function* ({ path, inode }) {
    await using file = await fs.open(path, 'r+')
    assert.is((await file.stat()).ino, inode)
    let at = 0
    for (const size of sizes) {
      await file.write(content, at, size - at, at)
      at = size
      yield size
    }
    more(path)
  }
}

test('what another process writes is the blob that the same bytes are', async () => {
  const { store, left } = await opened()
  const { root } = await blobTree(content)
  const sizes = [0, 5, MiB, MiB, 2 * MiB + 3, content.byteLength]
  assert.equal(await store.putWritten(writing(sizes), { pin: { owner: 'a' } }), {
    blob: root,
    sizeBytes: content.byteLength,
  })
  assert.ok(Buffer.from(content).equals(await store.readAll(root, { verify: true })))
  assert.equal(store.pinned('a').roots, [root])
  assert.is((await store.putWritten(writing([content.byteLength]))).blob, root, 'and once more')
  assert.is(store.usage(), content.byteLength)
  const empty = await store.putWritten(writing([]))
  assert.is(empty.blob, (await blobTree(new Uint8Array())).root)
  assert.equal(left(), [])
})

test('a file that is not what was told, or no longer the one that was made, is refused, and nothing stays', async () => {
  const { store, left } = await opened()
  const other = join(scratch, 'other')
  writeFileSync(other, content)
  const tampering: ((path: string) => void)[] = [
    (path) => truncateSync(path, MiB),
    (path) => truncateSync(path, content.byteLength + 1),
    (path) => rmSync(path),
    (path) => {
      renameSync(path, `${path}-moved`)
      symlinkSync(other, path)
    },
  ]
  for (const tamper of tampering)
    await refuses('blob.torn', store.putWritten(writing([MiB, content.byteLength], tamper)))
  const lie: WrittenElsewhere = async function* () {
    yield 10
  }
  await refuses('blob.torn', store.putWritten(lie))
  assert.equal([store.usage(), left()], [0, ['3-moved']], 'what it moved aside itself is left to the next start')
  const memory = await memoryBlobStore({ clock })
  await refuses('blob.no-files', memory.putWritten(lie))
})

test('no room, a full disk, a writer that fails or is called off: typed errors, and nothing stays', async () => {
  const budget = new DiskBudget(2 * MiB)
  const small = await opened({ budget })
  await refuses('disk.budget', small.store.putWritten(writing([MiB, content.byteLength])))
  await refuses(
    'blob.size',
    small.store.putWritten(async function* () {
      yield limit('blobBytes') + 1
    }),
  )
  const stop = new AbortController()
  const stopped = small.store.putWritten(
    writing([MiB, MiB + 1], () => stop.abort()),
    { signal: stop.signal },
  )
  await refuses('aborted', stopped)
  const broken: WrittenElsewhere = async function* () {
    yield 0
    throw new Error('the writer failed')
  }
  assert.is((await small.store.putWritten(broken).catch((error) => error)).message, 'the writer failed')
  assert.equal([budget.usage().totalBytes, small.left()], [0, []])
  // The first datasync is of a part, while more is written; the other is that of the whole.
  for (const failing of [0, 1]) {
    const full = await opened({ fs: fullAtSync(failing) })
    const long: WrittenElsewhere = async function* ({ path }) {
      truncateSync(path, 65 * MiB)
      yield 65 * MiB
    }
    await refuses('disk.full', full.store.putWritten(long))
    assert.equal([full.store.usage(), full.left()], [0, []])
  }
})

/** A disk that is full at its `count`th datasync, and tells so once. */
function fullAtSync(count: number): FileSystem {
  let done = 0
  return {
    ...fs,
    async open(path, flags, mode) {
      const handle = await fs.open(path, flags, mode)
      const sync = handle.datasync.bind(handle)
      handle.datasync = async () => {
        if (done++ === count) throw Object.assign(new Error('ENOSPC: made up'), { code: 'ENOSPC' })
        return sync()
      }
      return handle
    },
  }
}

test.run()
