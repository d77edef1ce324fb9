import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../runtime/log/index.ts'
import { faultyDisk } from './faulty-disk.ts'
import { codeOf, contents, entries, openDir, scratchDir } from './scratch.ts'

/** Appends until the disk is full; gives back how many went in, and leaves the log stopped. */
async function fill(log: Log, text = 'x'.repeat(1_000)): Promise<number> {
  for (let count = 0; ; count++) {
    const code = await codeOf(log.append(entries(text)))
    if (code === undefined) continue
    assert.is(code, 'log.disk-full')
    return count
  }
}

test('a full disk refuses what does not fit and loses nothing that was acknowledged', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  faults.freeBytes = 10
  const filled = await fill(log)
  const refused = [log.append(entries('b')), log.barrier()]
  assert.equal(await Promise.all(refused.map(codeOf)), ['log.disk-full', 'log.disk-full'])
  faults.freeBytes = 1e6
  assert.is(await codeOf(log.append(entries('c'))), 'log.disk-full', 'until the owner has taken note')
  log.resume()
  assert.equal(await log.append(entries('d')), { firstSeq: filled + 2 })
  await log.close()
  const again = await openDir(dir, { disk })
  const found = await contents(again)
  assert.equal([found[0], found.at(-1), found.length], ['1:a', `${filled + 2}:d`, filled + 2])
  assert.is(again.cutBytes, 0)
  await again.close()
})

test('on a full disk the reserve still takes the entry that says so, and is there again with the space', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  const why = entries('it failed because the disk is full'.padEnd(8_000))
  for (let round = 0; round < 2; round++) {
    faults.freeBytes = 0
    await fill(log)
    log.resume()
    assert.is(await codeOf(log.append(entries('x'.repeat(1_000)))), 'log.disk-full', 'it is for nothing else')
    log.resume()
    await log.append(why, { reserved: true })
    faults.freeBytes = 1e6
    await log.append(entries('space again'))
  }
  await log.close()
  const again = await openDir(dir, { disk })
  assert.is((await contents(again)).filter((entry) => entry.includes('because')).length, 2)
  await again.close()
})

test('a segment that cannot be started leaves the reserve of the one before', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk, segmentBytes: 400 })
  await log.append(entries('x'.repeat(200)))
  faults.freeBytes = 1_000
  assert.is(await codeOf(log.append(entries('x'.repeat(200)))), 'log.disk-full')
  log.resume()
  await log.append(entries('why'.padEnd(1_000)), { reserved: true })
  assert.is((await contents(log)).length, 2)
  await log.close()
  const again = await openDir(dir)
  assert.is(again.tail, 2)
  await again.close()
})

test('a disk that is full at every byte of a group leaves the groups before it', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  faults.overwrites = false // else a group that was begun always fits
  for (let freeBytes = 0; freeBytes < 192; freeBytes += 13) {
    faults.freeBytes = freeBytes
    assert.is(await codeOf(log.append(entries('never'))), 'log.disk-full')
    faults.freeBytes = 1e6
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
  faults.freeBytes = 1e6
  const again = await openDir(dir, { disk })
  assert.equal(await contents(again), ['1:a'])
  await again.close()
})

test('a snapshot whose sync failed is the end too: nothing may be dropped for it', async () => {
  const { disk, faults } = faultyDisk()
  const log = await openDir(scratchDir(), { disk })
  await log.append(entries('a'))
  faults.failSyncOf = '.snap'
  assert.is(await codeOf(log.snapshot(1, entries('one')[0]!)), 'log.failed')
  faults.failSyncOf = undefined
  assert.is(await codeOf(log.append(entries('b'))), 'log.failed')
  await log.close()
})

test('what was found after a failed sync is written again before it is trusted', async () => {
  const { disk, faults } = faultyDisk()
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  faults.failSyncOf = '.seg'
  assert.is(await codeOf(log.append(entries('b'))), 'log.failed')
  await log.close()
  faults.failSyncOf = undefined
  const written: number[] = []
  const open: typeof disk.open = async (path, mode) => {
    const file = await disk.open(path, mode)
    const noted = mode === 'keep' && path.endsWith('.seg')
    const write: typeof file.write = (bytes, at) => {
      if (noted) written.push(at)
      return file.write(bytes, at)
    }
    return { ...file, write }
  }
  const again = await openDir(dir, { disk: { ...disk, open } })
  assert.equal(await contents(again), ['1:a', '2:b'])
  assert.ok(written.length > 0 && written[0]! > 0, 'the page cache calls it clean: a sync alone would write nothing')
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
