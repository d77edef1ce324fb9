import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AividaError } from '../../runtime/base/errors.ts'
import { openLog, scrub } from '../../runtime/log/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { codeOf, entries, scratchDir } from './scratch.ts'

async function segments() {
  const dir = scratchDir()
  const clock = new VirtualClock()
  const log = await openLog({ dir, segmentBytes: 5_000 }, { clock })
  for (let i = 0; i < 20; i++) await log.append(entries('x'.repeat(1_000)))
  const files = readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .sort()
  return { dir, clock, log, files: files.map((name) => join(dir, name)) }
}

/** A second of virtual time, and as much real time as the disk needs for it. */
async function step(clock: VirtualClock): Promise<void> {
  await clock.advanceAsync(1_000)
  await new Promise((resolve) => setTimeout(resolve, 1))
}

test('a scrub reads all there is, no faster than it may', async () => {
  const { clock, log } = await segments()
  let bytes: number | undefined
  void scrub(log, { clock, bytesPerSecond: 2_000 }).then((read) => {
    bytes = read
  })
  while (bytes === undefined) await step(clock)
  assert.ok(bytes > 20_000 && bytes < 26_000, `${bytes} bytes`)
  assert.ok(clock.monoMs() >= bytes / 2 - 1_000, `${clock.monoMs()} ms`)
  await log.close()
})

test('damage in an old segment is found, with file, entry and byte', async () => {
  const { clock, log, files } = await segments()
  const bytes = readFileSync(files[1]!)
  bytes[1_500]! ^= 1
  writeFileSync(files[1]!, bytes)
  let failure: AividaError | undefined
  scrub(log, { clock }).catch((error) => {
    failure = error
  })
  while (!failure) await step(clock)
  const { code, facts } = failure
  assert.is(code, 'log.corrupt')
  assert.equal([facts.file, facts.seq, facts.byte], [files[1], 6, 1_192])
  await log.append(entries('goes on'))
  await log.close()
})

test('a scrub stops when told to', async () => {
  const { clock, log } = await segments()
  const stop = new AbortController()
  const ended = codeOf(scrub(log, { clock, bytesPerSecond: 100, signal: stop.signal }))
  for (let i = 0; i < 5; i++) await step(clock)
  stop.abort()
  assert.is(await ended, 'aborted')
  await log.close()
})

test.run()
