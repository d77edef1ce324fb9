import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { faultyDisk } from './faulty-disk.ts'
import { codeOf, contents, entries, openDir, scratchDir } from './scratch.ts'

test('a full disk refuses what does not fit and loses nothing that was acknowledged', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  faults.freeBytes = 300 // more than the next group will take, and so left behind it were it not undone
  const refused = [log.append(entries('b', 'x'.repeat(500))), log.barrier()]
  assert.equal(await Promise.all(refused.map(codeOf)), ['log.disk-full', 'log.disk-full'])
  faults.freeBytes = 10_000
  assert.is(await codeOf(log.append(entries('c'))), 'log.disk-full', 'until the owner has taken note')
  log.resume()
  assert.equal(await log.append(entries('d')), { firstSeq: 2 })
  assert.equal(await contents(log), ['1:a', '2:d'])
  await log.close()
  const again = await openDir(dir, { disk })
  assert.equal(await contents(again), ['1:a', '2:d'])
  assert.is(again.cutBytes, 0)
  await again.close()
})

test('a disk that is full at every byte of a group leaves the groups before it', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  for (let freeBytes = 0; freeBytes < 192; freeBytes += 13) {
    faults.freeBytes = freeBytes
    assert.is(await codeOf(log.append(entries('never'))), 'log.disk-full')
    faults.freeBytes = 10_000
    log.resume()
    await log.append(entries('kept'))
  }
  assert.ok((await contents(log)).every((entry) => entry.endsWith(':kept')))
  await log.close()
  const again = await openDir(dir, { disk })
  assert.is(again.tail, 15)
  await again.close()
})

test('on a full disk reading works, a snapshot or an opening fails and changes nothing', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  await log.snapshot(1, entries('one')[0]!)
  faults.freeBytes = 130
  assert.is(await codeOf(log.snapshot(1, entries('another one')[0]!)), 'log.disk-full')
  assert.equal(Buffer.from((await log.lastSnapshot())!.bytes).toString(), 'one')
  assert.equal(await contents(log), ['1:a'])
  await log.close()
  faults.freeBytes = 0
  assert.is(await codeOf(openDir(dir, { disk })), 'log.disk-full')
  faults.freeBytes = 10_000
  const again = await openDir(dir, { disk })
  assert.equal(await contents(again), ['1:a'])
  await again.close()
})

test('a sync that failed is the end: everybody hears it, nothing is tried again', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  faults.failSyncOf = '.seg'
  const first = log.append(entries('b'))
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = [first, log.append(entries('c')), log.barrier()]
  assert.equal(await Promise.all(waiting.map(codeOf)), ['log.failed', 'log.failed', 'log.failed'])
  faults.failSyncOf = undefined
  log.resume()
  assert.is(await codeOf(log.append(entries('d'))), 'log.failed')
  assert.is(log.tail, 1)
  assert.equal(await contents(log), ['1:a'])
  await log.close()
  const again = await openDir(dir, { disk })
  assert.equal((await contents(again))[0], '1:a')
  assert.ok((await contents(again)).length <= 2, 'the outcome of b was unknown, c and d were never written')
  await again.close()
})

test('an epoch that cannot be made durable does not open', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  faults.failSyncOf = 'epoch'
  assert.is(await codeOf(openDir(dir, { disk })), 'log.failed')
  faults.failSyncOf = undefined
  const log = await openDir(dir, { disk })
  assert.is(log.epoch, 1)
  await log.close()
})

test('a new segment is made durable in its directory before anything in it is acknowledged', async () => {
  const { disk, faults } = faultyDisk()
  const log = await openDir(scratchDir(), { disk, segmentBytes: 200 })
  await log.append(entries('a'))
  const before = faults.dirSyncs
  await log.append(entries('b'))
  await log.append(entries('c'))
  assert.is(faults.dirSyncs - before, 2)
  await log.close()
})

test.run()
