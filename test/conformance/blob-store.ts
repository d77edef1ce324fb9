import { fstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../runtime/base/index.ts'
import { type BlobStore, type BlobStoreInit, blobTree, DiskBudget } from '../../runtime/data/blob/index.ts'
import { refuses } from '../data/refusal.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/**
 * How a store is made for one test; `again` opens what an earlier one left, and is absent where nothing outlives it.
 */
export interface BlobStoreHome {
  open(init: BlobStoreInit): Promise<BlobStore>
  readonly again?: (init: BlobStoreInit) => Promise<BlobStore>
  /** A folder for files of the test. */
  readonly scratch: string
}

const MiB = 1024 * 1024
const random = seededRandom(11)
const bytesOf = (sizeBytes: number) => {
  const bytes = new Uint8Array(sizeBytes)
  const words = random.bytes(64)
  for (let at = 0; at < sizeBytes; at += 4096) bytes.set(words.subarray(0, Math.min(64, sizeBytes - at)), at)
  if (sizeBytes > 0) bytes[0] = random.bytes(1)[0]!
  return bytes
}

/** What every blob store has to do, wherever it keeps the bytes. */
export function blobStoreConformance(name: string, makeHome: () => BlobStoreHome): void {
  const clock = new VirtualClock(Date.UTC(2100, 0, 1)) // later than any file the disk dates itself
  const check = (
    what: string,
    body: (open: (init?: Partial<BlobStoreInit>) => Promise<BlobStore>, home: BlobStoreHome) => Promise<void>,
  ) =>
    test(`${name}: ${what}`, () => {
      const home = makeHome()
      return body((init) => home.open({ clock, ...init }), home)
    })

  check('content of every size comes back under the root of its tree', async (open) => {
    const store = await open()
    for (const sizeBytes of [0, 1, 100, MiB - 1, MiB, MiB + 1, 2 * MiB, 5 * MiB + 7]) {
      const bytes = bytesOf(sizeBytes)
      const ref = await store.put(bytes)
      assert.is(ref.sizeBytes, sizeBytes)
      assert.is(ref.blob, (await blobTree(bytes)).root)
      assert.ok(store.has(ref.blob))
      assert.is(store.sizeOf(ref.blob), sizeBytes)
      const back = await store.readAll(ref.blob, { verify: true })
      assert.ok(Buffer.from(bytes).equals(back))
      assert.is(back.byteOffset % 8, 0)
    }
  })

  check('the same content has one root and one place, however it comes', async (open, home) => {
    const store = await open()
    const bytes = bytesOf(2 * MiB + 5)
    const { blob } = await store.put(bytes)
    const pieces = [bytes.subarray(0, 3), bytes.subarray(3, 3), bytes.subarray(3, MiB + 9), bytes.subarray(MiB + 9)]
    async function* slowly() {
      yield* pieces
    }
    const path = join(home.scratch, 'content')
    writeFileSync(path, bytes)
    assert.is((await store.put(pieces)).blob, blob)
    assert.is((await store.put(slowly())).blob, blob)
    assert.is((await store.putFile(path)).blob, blob)
    assert.is(store.usage(), bytes.byteLength)
  })

  check('content may change after it was put', async (open) => {
    const store = await open()
    const bytes = bytesOf(1000)
    const before = bytes.slice()
    const { blob } = await store.put(bytes)
    bytes.fill(0)
    assert.equal(new Uint8Array(await store.readAll(blob, { verify: true })), before)
  })

  check('ranges and chunks are read from anywhere, and from nowhere else', async (open) => {
    const store = await open()
    const bytes = bytesOf(2 * MiB + 100)
    const { blob } = await store.put(bytes)
    for (const verify of [false, true]) {
      const open = await store.open(blob, { verify })
      for (const [offset, length] of [
        [0, 0],
        [5, 10],
        [MiB - 3, 7],
        [10, 2 * MiB + 80],
        [2 * MiB + 99, 1],
      ] as const)
        assert.ok(Buffer.from(bytes.subarray(offset, offset + length)).equals(await open.read(offset, length)))
      assert.is((await open.chunk(2)).byteLength, 100)
      assert.equal((await open.tree()).chunks, (await blobTree(bytes)).chunks)
      for (const [offset, length] of [
        [-1, 2],
        [0, 2 * MiB + 101],
        [0.5, 1],
      ] as const)
        await refuses('blob.range', open.read(offset, length))
      await refuses('blob.range', open.chunk(3))
      if (open.file) {
        assert.is(fstatSync(open.file.fd).size, bytes.byteLength)
        assert.ok(Buffer.from(bytes).equals(readFileSync(open.file.path)))
      }
      await open.close()
      await open.close()
    }
  })

  check('what is not here is not found, and what is too large is not read at once', async (open) => {
    const store = await open()
    const absent = 'ab'.repeat(32)
    assert.not(store.has(absent))
    assert.is(store.sizeOf(absent), undefined)
    await refuses('blob.not-found', store.open(absent))
    await refuses('blob.not-found', store.pin([absent], { owner: 'a' }))
    const { blob } = await store.put(bytesOf(100))
    await refuses('blob.size', store.readAll(blob, { maxBytes: 99 }))
  })

  check('an aborted or failing put leaves nothing', async (open, home) => {
    const budget = new DiskBudget()
    const store = await open({ budget })
    const controller = new AbortController()
    async function* content() {
      yield bytesOf(MiB)
      controller.abort()
      yield bytesOf(MiB)
    }
    await refuses('aborted', store.put(content(), { signal: controller.signal }))
    async function* broken() {
      yield bytesOf(MiB)
      throw new Error('source failed')
    }
    const failure = await store.put(broken()).catch((error) => error)
    assert.is(failure.message, 'source failed')
    await refuses('blob.no-file', store.putFile(join(home.scratch, 'absent')))
    assert.equal(budget.usage(), { totalBytes: 0, byUser: { blobs: 0 } })
  })

  check('within its budget it evicts what was not used for longest, but nothing pinned or open', async (open) => {
    const store = await open({ budget: new DiskBudget(4 * MiB) })
    const put = async (pin?: string) => (await store.put(bytesOf(MiB), pin ? { pin: { owner: pin } } : {})).blob
    const [pinned, old, used, opened] = [await put('job-1'), await put(), await put(), await put()]
    const reading = await store.open(opened)
    await store.readAll(used)
    await store.put(bytesOf(MiB))
    assert.equal(
      [pinned, old, used, opened].map((root) => store.has(root)),
      [true, false, true, true],
    )
    await store.put(bytesOf(2 * MiB))
    assert.equal(
      [pinned, used, opened].map((root) => store.has(root)),
      [true, false, true],
    )
    await refuses('disk.budget', store.put(bytesOf(3 * MiB)))
    assert.ok(store.usage() <= 4 * MiB)
    await reading.close()
    await store.unpin('job-1')
    await store.put(bytesOf(4 * MiB))
    assert.is(store.usage(), 4 * MiB)
  })

  check('content of unknown length is refused when it outgrows the budget, and leaves nothing', async (open) => {
    const budget = new DiskBudget(3 * MiB)
    const store = await open({ budget })
    async function* endless() {
      for (;;) yield bytesOf(MiB)
    }
    const error = await refuses('disk.budget', store.put(endless()))
    assert.match(error.message, 'raise the budget')
    assert.is(budget.usage().totalBytes, 0)
  })

  check('concurrent puts do not overrun the budget', async (open) => {
    const budget = new DiskBudget(3 * MiB)
    const store = await open({ budget })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => store.put(bytesOf(MiB), { pin: { owner: 'job-1' } })),
    )
    assert.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    assert.is(budget.usage().totalBytes, 3 * MiB)
  })

  check('an owner pins up to its quota; a pin ends when its time is over', async (open) => {
    const quotaBytes = (owner: string) => (owner === 'ac_small' ? 2 * MiB : 100 * MiB)
    const store = await open({ quotaBytes, budget: new DiskBudget(4 * MiB) })
    const untilWallMs = clock.wallMs() + 1000
    const a = await store.put(bytesOf(MiB), { pin: { owner: 'ac_small', untilWallMs } })
    const b = await store.put(bytesOf(MiB), { pin: { owner: 'ac_small', untilWallMs } })
    const error = await refuses('blob.quota', store.put(bytesOf(1), { pin: { owner: 'ac_small' } }))
    assert.match(error.message, 'unpin')
    await store.pin([a.blob], { owner: 'ac_small' })
    assert.equal(store.pinned('ac_small'), { roots: [a.blob, b.blob], sizeBytes: 2 * MiB })
    clock.advance(1000)
    const c = await store.put(bytesOf(1), { pin: { owner: 'ac_small' } })
    assert.equal(store.pinned('ac_small'), { roots: [a.blob, c.blob], sizeBytes: MiB + 1 })
    await store.unpin('ac_small', c.blob)
    await store.put(bytesOf(3 * MiB), { pin: { owner: 'ac_large' } })
    assert.equal(
      [a, b].map(({ blob }) => store.has(blob)),
      [true, false],
    )
    await store.pin([a.blob], { owner: 'ac_large' })
    await store.unpin('ac_small', a.blob)
    assert.is(await store.evict(MiB), 0)
    await store.unpin('ac_large')
    assert.is(await store.evict(4 * MiB), 4 * MiB)
  })

  check('a blob arrives in any order and is there once it is whole', async (open) => {
    const store = await open()
    const bytes = bytesOf(2 * MiB + 9)
    const tree = await blobTree(bytes)
    const partial = await store.partial(tree)
    assert.equal(partial.missing(), [0, 1, 2])
    await refuses('blob.busy', store.partial(tree))
    await partial.write(2, bytes.subarray(2 * MiB))
    await refuses('blob.wrong-chunk', partial.write(1, bytes.subarray(0, MiB)))
    await refuses('blob.wrong-chunk', partial.write(0, bytes.subarray(0, MiB - 1)))
    await refuses('blob.wrong-chunk', partial.write(3, new Uint8Array()))
    await partial.write(0, bytes.subarray(0, MiB))
    assert.equal(partial.missing(), [1])
    assert.not(store.has(tree.root))
    await refuses('internal.invariant', partial.commit())
    await partial.write(1, bytes.subarray(MiB, 2 * MiB))
    assert.equal(await partial.commit({ pin: { owner: 'job-1' } }), { blob: tree.root, sizeBytes: bytes.byteLength })
    assert.ok(Buffer.from(bytes).equals(await store.readAll(tree.root, { verify: true })))
    assert.equal(store.pinned('job-1').roots, [tree.root])
    assert.is(store.usage(), bytes.byteLength)
  })

  check('an unfinished blob waits to be continued, counts in full, and is the first to go', async (open) => {
    const budget = new DiskBudget(8 * MiB)
    const store = await open({ budget })
    const bytes = bytesOf(3 * MiB)
    const tree = await blobTree(bytes)
    const first = await store.partial(tree)
    await first.write(1, bytes.subarray(MiB, 2 * MiB))
    assert.is(store.usage(), 3 * MiB)
    await refuses('disk.budget', store.put(bytesOf(6 * MiB)))
    await first.close()
    const second = await store.partial(tree)
    assert.equal(second.missing(), [0, 2])
    await second.close()
    const { blob } = await store.put(bytesOf(5 * MiB))
    await store.put(bytesOf(MiB))
    assert.ok(store.has(blob))
    assert.is(store.usage(), 6 * MiB)
    const third = await store.partial(tree)
    assert.equal(third.missing(), [0, 1, 2])
    await third.discard()
    assert.ok(store.usage() <= 6 * MiB)
    await refuses('disk.budget', store.partial({ ...tree, sizeBytes: 9 * MiB }))
    await refuses('blob.size', store.partial({ ...tree, sizeBytes: limit('blobBytes') + 1 }))
  })

  check('what nobody pins or reads can be removed, and nothing else', async (open) => {
    const store = await open()
    const [pinned, open_, free] = [
      await store.put(Buffer.from('pinned'), { pin: { owner: 'job' } }),
      await store.put(Buffer.from('open')),
      await store.put(Buffer.from('free')),
    ]
    const reading = await store.open(open_.blob)
    for (const { blob } of [pinned, open_, free]) await store.discard(blob)
    assert.equal(
      [pinned, open_, free].map(({ blob }) => store.has(blob)),
      [true, true, false],
    )
    await reading.close()
    await store.unpin('job')
    for (const { blob } of [pinned, open_, free]) await store.discard(blob)
    assert.is(store.usage(), 0)
  })

  check('random puts, reads, pins and evictions keep to the budget and lose nothing pinned', async (open) => {
    const budget = new DiskBudget(300_000)
    const store = await open({ budget })
    const pinned = new Map<string, Uint8Array>()
    for (let step = 0; step < 150; step++) {
      const bytes = random.bytes(Math.floor(random.float() * 20_000))
      const pin = random.float() < 0.2 && pinned.size < 10 ? { pin: { owner: `job-${step}` } } : {}
      const { blob } = await store.put(bytes, pin)
      if ('pin' in pin) pinned.set(blob, bytes)
      const [root, content] = [...pinned][Math.floor(random.float() * pinned.size)] ?? []
      if (root && content) assert.ok(Buffer.from(content).equals(await store.readAll(root, { verify: true })))
      if (random.float() < 0.1) await store.evict(50_000)
      assert.ok(budget.usage().totalBytes <= 300_000)
    }
    for (const root of pinned.keys()) assert.ok(store.has(root))
  })

  if (!makeHome().again) return

  check('blobs, pins, unfinished blobs and the order of use are there again after a restart', async (open, home) => {
    const store = await open()
    const untilWallMs = clock.wallMs() + 60_000
    const kept = await store.put(bytesOf(2 * MiB), { pin: { owner: 'ac_a', untilWallMs } })
    const old = await store.put(bytesOf(MiB))
    const used = await store.put(bytesOf(MiB))
    clock.advance(120_000)
    await store.pin([kept.blob], { owner: 'ac_a', untilWallMs: clock.wallMs() + 5_000 })
    await store.readAll(old.blob)
    const tree = await blobTree(bytesOf(2 * MiB + 1))
    const arriving = await store.partial(tree)
    await arriving.close()
    await new Promise((resolve) => setTimeout(resolve, 20)) // the note of use is not waited for

    const again = await home.again!({ clock, budget: new DiskBudget(6 * MiB + 1) })
    assert.is(again.usage(), 6 * MiB + 1)
    assert.equal(again.pinned('ac_a').roots, [kept.blob])
    await again.evict(2 * MiB + 2)
    assert.equal(
      [kept, old, used].map(({ blob }) => again.has(blob)),
      [true, true, false],
    )
    clock.advance(5_000)
    await again.evict(10 * MiB)
    assert.is(again.usage(), 0)
  })
}
