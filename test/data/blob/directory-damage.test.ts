import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { blobTree, DiskBudget, directoryBlobStore, type FileSystem } from '../../../runtime/data/blob/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aivida-blob-'))
test.after(() => rmSync(scratch, { recursive: true }))

const MiB = 1024 * 1024
const clock = new VirtualClock()
let homes = 0
const newDir = () => join(scratch, String(homes++))
const bytesOf = (sizeBytes: number, seed: number) => new Uint8Array(sizeBytes).fill(seed)
const pathOf = (dir: string, root: string) => join(dir, 'blobs', root.slice(0, 2), root)
const filesIn = (dir: string) =>
  (readdirSync(dir, { recursive: true }) as string[]).filter((name) => statSync(join(dir, name)).isFile()).sort()

/** A disk on which one kind of operation fails from the `after`th on. */
function failingDisk(operation: 'write' | 'datasync' | 'rename', after: number, errno = 'ENOSPC'): FileSystem {
  let count = 0
  const fail = () => {
    if (count++ >= after) throw Object.assign(new Error(`${errno}: made up`), { code: errno })
  }
  return {
    ...fs,
    async rename(from, to) {
      if (operation === 'rename') fail()
      return fs.rename(from, to)
    },
    async open(path, flags, mode) {
      const handle = await fs.open(path, flags, mode)
      return new Proxy(handle, {
        get(target, name) {
          const value = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return async (...parameters: unknown[]) => {
            if (name === operation) fail()
            return value.apply(target, parameters)
          }
        },
      })
    },
  }
}

test('a full disk is a typed error with a remedy, and nothing half-written stays', async () => {
  for (const [operation, after] of [
    ['write', 0],
    ['write', 2],
    ['datasync', 0],
    ['rename', 0],
    ['rename', 1],
  ] as const) {
    const dir = newDir()
    const budget = new DiskBudget()
    const store = await directoryBlobStore({ clock, dir, budget, fs: failingDisk(operation, after) })
    const error = await refuses('disk.full', store.put(bytesOf(3 * MiB, 1)))
    assert.match(error.message, 'free some space')
    assert.ok(error.retryable)
    assert.equal(filesIn(join(dir, 'incoming')), [])
    assert.is(budget.usage().totalBytes, 0)
    const again = await directoryBlobStore({ clock, dir })
    assert.equal(filesIn(dir), [])
    assert.is(again.usage(), 0)
  }
})

test('a used-up quota of the system counts as full, any other failure does not', async () => {
  const put = async (errno: string) =>
    (await directoryBlobStore({ clock, dir: newDir(), fs: failingDisk('write', 0, errno) })).put(bytesOf(10, 1))
  await refuses('disk.full', put('EDQUOT'))
  await refuses('disk.failed', put('EIO'))
})

test('a disk that fills while a blob arrives says so; what arrived before can be discarded', async () => {
  const dir = newDir()
  const bytes = bytesOf(2 * MiB, 3)
  const store = await directoryBlobStore({ clock, dir, fs: failingDisk('write', 2) })
  const partial = await store.partial(await blobTree(bytes))
  await partial.write(0, bytes.subarray(0, MiB))
  await refuses('disk.full', partial.write(1, bytes.subarray(MiB)))
  await partial.discard()
  assert.equal(filesIn(dir), [])
  assert.is(store.usage(), 0)
})

test('pins that could not be saved are an error for each, and are saved with the next change', async () => {
  const dir = newDir()
  let full = true
  const disk = failingDisk('rename', 0)
  const store = await directoryBlobStore({
    clock,
    dir,
    fs: { ...fs, rename: (a, b) => (full && b.toString().includes('pins') ? disk : fs).rename(a, b) },
  })
  const { blob } = await store.put(bytesOf(10, 1))
  const pinning = [store.pin([blob], { owner: 'job-1' }), store.pin([blob], { owner: 'job-1' })]
  await Promise.all(pinning.map((each) => refuses('disk.full', each)))
  full = false
  await store.pin([blob], { owner: 'job-1' })
  assert.equal((await directoryBlobStore({ clock, dir })).pinned('job-1').roots, [blob])
  await store.unpin('job-1')
  assert.equal(filesIn(join(dir, 'pins')), [])
})

test('what a crash left half-written is gone after the next start', async () => {
  const dir = newDir()
  const store = await directoryBlobStore({ clock, dir })
  const { blob } = await store.put(bytesOf(2 * MiB, 1))
  writeFileSync(join(dir, 'incoming', '7'), 'half')
  writeFileSync(`${pathOf(dir, blob).slice(0, -1)}x.chunks`, 'of no blob')
  await directoryBlobStore({ clock, dir })
  assert.equal(
    filesIn(dir).map((name) => name.replace(/.*\//, '')),
    [blob, `${blob}.chunks`],
  )
})

test('a blob that was damaged on the disk is dropped when it is read with care', async () => {
  const dir = newDir()
  for (const sizeBytes of [100, 2 * MiB + 5]) {
    const store = await directoryBlobStore({ clock, dir })
    const { blob } = await store.put(bytesOf(sizeBytes, 1))
    const path = pathOf(dir, blob)
    const damaged = readFileSync(path)
    damaged[sizeBytes - 1]! ^= 1
    writeFileSync(path, damaged)
    assert.is((await store.readAll(blob)).byteLength, sizeBytes)
    await refuses('blob.corrupt', store.readAll(blob, { verify: true }))
    assert.not(store.has(blob))
    assert.equal(filesIn(dir), [])
    await store.put(bytesOf(sizeBytes, 1))
    await store.readAll(blob, { verify: true })
    writeFileSync(path, damaged.subarray(1))
    await refuses('blob.corrupt', store.readAll(blob))
    assert.is(store.usage(), 0)
  }
})

test('a blob that somebody removed is not found, and may be put again', async () => {
  const dir = newDir()
  const store = await directoryBlobStore({ clock, dir })
  const { blob } = await store.put(bytesOf(10, 1))
  rmSync(pathOf(dir, blob))
  await refuses('blob.not-found', store.open(blob))
  assert.is(store.usage(), 0)
  await store.put(bytesOf(10, 1))
  await store.readAll(blob, { verify: true })
})

test('chunk digests that were lost or damaged are found again from the bytes', async () => {
  const dir = newDir()
  const store = await directoryBlobStore({ clock, dir })
  const tree = await blobTree(bytesOf(3 * MiB, 1))
  const { blob } = await store.put(bytesOf(3 * MiB, 1))
  for (const content of [undefined, new Uint8Array(96), new Uint8Array(5)]) {
    if (content) writeFileSync(`${pathOf(dir, blob)}.chunks`, content)
    else rmSync(`${pathOf(dir, blob)}.chunks`)
    const open = await store.open(blob)
    assert.equal(await open.tree(), tree)
    await open.close()
  }
})

test('chunks of an earlier attempt count only if they are still right', async () => {
  const dir = newDir()
  const bytes = Buffer.concat([bytesOf(MiB, 1), bytesOf(MiB, 2), bytesOf(MiB, 3)])
  const tree = await blobTree(bytes)
  const store = await directoryBlobStore({ clock, dir })
  const partial = await store.partial(tree)
  for (let i = 0; i < 3; i++) if (i !== 1) await partial.write(i, bytes.subarray(i * MiB, (i + 1) * MiB))
  await partial.close()
  const path = join(dir, 'partial', tree.root)
  const kept = readFileSync(path)
  kept[2 * MiB]! ^= 1
  writeFileSync(path, kept)
  const again = await (await directoryBlobStore({ clock, dir })).partial(tree)
  assert.equal(again.missing(), [1, 2])
  await again.close()
  writeFileSync(`${path}.have`, 'of another form')
  const third = await store.partial(tree)
  assert.equal(third.missing(), [0, 1, 2])
  await third.close()
})

test('files are for their owner alone', async () => {
  if (process.platform === 'win32') return
  const dir = newDir()
  const store = await directoryBlobStore({ clock, dir })
  const { blob } = await store.put(bytesOf(10, 1), { pin: { owner: 'job-1' } })
  for (const path of [pathOf(dir, blob), ...filesIn(join(dir, 'pins')).map((name) => join(dir, 'pins', name))])
    assert.is(statSync(path).mode & 0o077, 0)
})

test('pins of version 1 are read as they were written', async () => {
  const dir = newDir()
  const store = await directoryBlobStore({ clock, dir })
  const { blob } = await store.put(Buffer.from('aivida'))
  const pins = readFileSync(join(import.meta.dirname, '../../fixtures/data/pins-v1.cbor'))
  writeFileSync(join(dir, 'pins', 'any-name'), pins)
  const again = await directoryBlobStore({ clock, dir })
  assert.equal(again.pinned('ac_fixture'), { roots: [blob], sizeBytes: 6 })
})

test.run()
