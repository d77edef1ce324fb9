import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fileLogStore, openLog, systemDisk } from '../../runtime/log/index.ts'
import { logConformance } from '../conformance/log.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { codeOf, contents, entries, openDir, scratchDir, unlockedDisk } from './scratch.ts'

logConformance('one segment', () => {
  const dir = scratchDir()
  return () => fileLogStore({ dir, disk: unlockedDisk })
})

logConformance('a segment for each group', () => {
  const dir = scratchDir()
  return () => fileLogStore({ dir, disk: unlockedDisk, segmentBytes: 300 })
})

const segments = (dir: string) => readdirSync(dir).filter((name) => name.endsWith('.seg'))

test('a second writer is refused until the first has closed', async () => {
  const dir = scratchDir()
  const log = await openDir(dir)
  assert.is(await codeOf(openDir(dir)), 'log.in-use')
  await log.append(entries('still mine'))
  await log.close()
  const next = await openDir(dir)
  assert.is(next.epoch, 2)
  await next.close()
})

test('an opening that failed leaves no lock', async () => {
  const dir = scratchDir()
  await (await openDir(dir)).close()
  let broken = true
  const disk = {
    ...systemDisk,
    list: (path: string) => (broken ? Promise.reject(new Error('flaky')) : systemDisk.list(path)),
  }
  assert.is(await codeOf(openDir(dir, { disk })), 'log.failed')
  broken = false
  await (await openDir(dir, { disk })).close()
})

test('segments roll at their size, and a deep directory is made', async () => {
  const dir = join(scratchDir(), 'a', 'b')
  const log = await openLog({ dir, segmentBytes: 2_000 }, { clock: new VirtualClock() })
  for (let i = 0; i < 20; i++) await log.append(entries('x'.repeat(300)))
  assert.is(segments(dir).length, 5)
  assert.is((await contents(log)).length, 20)
  await log.snapshot(14, new Uint8Array())
  await log.dropBefore(15)
  assert.is(segments(dir).length, 5, 'one snapshot has nothing to fall back on')
  await log.snapshot(18, new Uint8Array())
  await log.dropBefore(15)
  assert.equal([segments(dir).length, log.first], [2, 13])
  await log.close()
})

test('openings that wrote nothing do not pile up', async () => {
  const dir = scratchDir()
  for (let i = 0; i < 5; i++) await (await openDir(dir)).close()
  assert.ok(segments(dir).length <= 2)
})

test('following the tail reads little of a long segment', async () => {
  const dir = scratchDir()
  let bytesRead = 0
  const read: typeof unlockedDisk.read = async (...args) => {
    const bytes = await unlockedDisk.read(...args)
    bytesRead += bytes.byteLength
    return bytes
  }
  const log = await openDir(dir, { disk: { ...unlockedDisk, read } })
  for (let i = 0; i < 40; i++) await log.append([new Uint8Array(16_384).fill(i)])
  bytesRead = 0
  assert.is((await contents(log, 40)).length, 1)
  assert.ok(bytesRead < 100_000, `${bytesRead} bytes`)
  await log.close()
})

test('a damaged snapshot is passed over for the one before', async () => {
  const dir = scratchDir()
  const log = await openDir(dir)
  await log.append(entries('a', 'b'))
  await log.snapshot(1, entries('one')[0]!)
  await log.snapshot(2, entries('two')[0]!)
  const newest = join(
    dir,
    readdirSync(dir)
      .filter((name) => name.endsWith('.snap'))
      .sort()
      .at(-1)!,
  )
  const file = await systemDisk.open(newest, 'keep')
  await file.write(Uint8Array.of(0xff), 129)
  await file.close()
  assert.is((await log.lastSnapshot())?.seq, 1)
  await log.close()
})

test.run()
