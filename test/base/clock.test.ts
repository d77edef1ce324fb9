import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deadline, every, isAividaError, sleep, systemClock } from '../../runtime/base/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const virtual = suite('virtual clock')

virtual('runs due timers in order of time, then of setting, at their own time', () => {
  const clock = new VirtualClock(1_000_000)
  const heard: string[] = []
  const note = (name: string) => () => heard.push(`${name}@${clock.monoMs()}`)
  clock.after(30, note('late'))
  clock.after(10, note('first'))
  clock.after(10, note('second'))
  clock.after(10, () => clock.after(5, note('nested')))
  const cancel = clock.after(12, note('cancelled'))
  cancel()
  clock.advance(20)
  assert.equal(heard, ['first@10', 'second@10', 'nested@15'])
  assert.is(clock.pending, 1)
  clock.advance(10)
  assert.is(heard.at(-1), 'late@30')
  assert.is(clock.monoMs(), 30)
  assert.is(clock.wallMs(), 1_000_030)
})

virtual('keeps its monotonic time when the wall clock is set', () => {
  const clock = new VirtualClock()
  clock.advance(50)
  clock.setWallMs(7)
  assert.is(clock.monoMs(), 50)
  clock.advance(3)
  assert.is(clock.wallMs(), 10)
})

virtual('lets promises settle between timers when asked to', async () => {
  const clock = new VirtualClock()
  const heard: number[] = []
  const walk = async () => {
    for (let step = 0; step < 3; step++) {
      await sleep(clock, 10)
      heard.push(clock.monoMs())
    }
  }
  const walking = walk()
  await clock.advanceAsync(100)
  await walking
  assert.equal(heard, [10, 20, 30])
})

const timing = suite('timing')

timing('every repeats until stopped, even when stopped from within', () => {
  const clock = new VirtualClock()
  let count = 0
  const stop = every(clock, 10, () => {
    if (++count === 3) stop()
  })
  clock.advance(100)
  assert.is(count, 3)
  assert.is(clock.pending, 0)
})

timing('sleep rejects as aborted and leaves no timer', async () => {
  const clock = new VirtualClock()
  const abort = new AbortController()
  const sleeping = sleep(clock, 10, abort.signal)
  abort.abort()
  assert.ok(isAividaError(await sleeping.catch((error) => error), 'aborted'))
  assert.is(clock.pending, 0)
  assert.ok(isAividaError(await sleep(clock, 10, abort.signal).catch((error) => error), 'aborted'))
})

timing('a deadline fires as a timeout, or with the signal it extends', () => {
  const clock = new VirtualClock()
  const alone = deadline(clock, 100)
  clock.advance(99)
  assert.not(alone.aborted)
  clock.advance(1)
  assert.ok(isAividaError(alone.reason, 'timeout'))
  const abort = new AbortController()
  const joined = deadline(clock, 100, abort.signal)
  abort.abort('enough')
  assert.is(joined.reason, 'enough')
})

timing('the system clock runs timers and tells the time', async () => {
  const before = systemClock.monoMs()
  const awake = new Promise<void>((resolve) => systemClock.after(1, resolve))
  const keepAlive = setTimeout(() => {}, 5_000) // clock timers alone do not keep a process alive
  await awake
  clearTimeout(keepAlive)
  assert.ok(systemClock.monoMs() >= before)
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 1_000)
  systemClock.after(0, () => assert.unreachable('called off'))()
})

virtual.run()
timing.run()
