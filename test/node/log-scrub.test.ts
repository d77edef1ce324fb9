import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, silentLogger } from '../../runtime/base/index.ts'
import { type Log, memoryLogHome, memoryLogStore, openLog } from '../../runtime/log/index.ts'
import { startScrubbing } from '../../runtime/node/log-scrub.ts'
import { entries } from '../log/scratch.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

test('open logs are read again and again; damage is told until it is mended or gone', async () => {
  const clock = new VirtualClock()
  const [good, bad] = [memoryLogHome(), memoryLogHome()]
  const logs = new Map<string, Log>()
  for (const [name, home] of Object.entries({ good, bad })) {
    const log = await openLog(memoryLogStore(home), { clock })
    for (const text of ['a', 'b', 'c']) await log.append(entries(text))
    logs.set(name, log)
  }
  const told: unknown[] = []
  const logger = {
    ...silentLogger,
    error: ({ log, code }: { log: string; code: string }) => void told.push([log, code]),
  }
  const scrubbing = startScrubbing({ clock, logger, logs: () => logs, everyMs: 1_000 })
  const damaged = () => [...scrubbing.damage].map(([name, { code }]: [string, AividaError]) => `${name} ${code}`)
  await clock.advanceAsync(2_500)
  assert.equal(damaged(), [])
  assert.ok(scrubbing.scrubbedBytes > 2_000)
  const whole = bad.groups
  bad.groups = whole.toSpliced(1, 1)
  await clock.advanceAsync(1_500)
  assert.equal([damaged(), told], [['bad log.corrupt'], [['bad', 'log.corrupt']]])
  bad.groups = whole
  await clock.advanceAsync(1_500)
  assert.equal(damaged(), [])
  bad.groups = whole.toSpliced(1, 1)
  await clock.advanceAsync(1_500)
  logs.delete('bad')
  await clock.advanceAsync(1_500)
  assert.equal(damaged(), [])
  scrubbing.stop()
})

test('an error that nobody expected ends a pass, not all of them', async () => {
  const clock = new VirtualClock()
  let passes = 0
  const logs = () => {
    if (++passes === 1) throw new TypeError('nobody expected this')
    return new Map<string, Log>()
  }
  const scrubbing = startScrubbing({ clock, logger: silentLogger, logs, everyMs: 1_000 })
  await clock.advanceAsync(3_500)
  assert.is(passes, 3)
  scrubbing.stop()
})

test.run()
