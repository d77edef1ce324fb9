import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/limits.ts'
import { type Group, memoryLogHome, memoryLogStore, openLog } from '../../runtime/log/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { codeOf, contents, entries } from './scratch.ts'

/** A log whose store finishes an append only when told to. */
async function heldLog(queueBytes?: number) {
  const home = memoryLogHome()
  const store = memoryLogStore(home)
  const held: (() => void)[] = []
  const append = store.append.bind(store)
  store.append = async (group, options) => {
    await new Promise<void>((resolve) => held.push(resolve))
    await append(group, options)
  }
  const log = await openLog(store, { clock: new VirtualClock(), ...(queueBytes !== undefined && { queueBytes }) })
  const turns = async () => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  const finishOne = async () => {
    await turns()
    held.shift()!()
    await turns()
  }
  return { log, home, store, held, turns, finishOne }
}

test('appends of one turn form a group, those made while the disk works the next', async () => {
  const { log, home, finishOne } = await heldLog()
  const first = [log.append(entries('a')), log.append(entries('b', 'c'))]
  await new Promise((resolve) => setImmediate(resolve))
  const second = [log.append(entries('d')), log.append(entries('e'))]
  await finishOne()
  assert.equal(await Promise.all(first), [{ firstSeq: 1 }, { firstSeq: 2 }])
  assert.is(log.tail, 3)
  await finishOne()
  assert.equal(await Promise.all(second), [{ firstSeq: 4 }, { firstSeq: 5 }])
  assert.equal(
    home.groups.map((group: Group) => group.count),
    [3, 2],
  )
})

test('callers that wait for a group share the next one when they append again', async () => {
  const home = memoryLogHome()
  const log = await openLog(memoryLogStore(home), { clock: new VirtualClock() })
  const caller = async (name: string) => {
    for (let i = 0; i < 3; i++) {
      await log.append(entries(`${name}${i}`))
      await null
    }
  }
  await Promise.all(['a', 'b', 'c', 'd'].map(caller))
  assert.equal(
    home.groups.map((group) => group.count),
    [4, 4, 4],
  )
})

test('an append is never split over groups, and a group stays within its limit', async () => {
  const home = memoryLogHome()
  const log = await openLog(memoryLogStore(home), { clock: new VirtualClock() })
  const third = new Uint8Array(limit('logGroupBytes') / 3)
  await Promise.all(Array.from({ length: 4 }, () => log.append([third, new Uint8Array(1)])))
  assert.equal(
    home.groups.map((group) => group.count),
    [4, 4],
  )
  for (const { frame } of home.groups) assert.ok(frame.byteLength <= limit('logGroupBytes'))
})

test('a barrier waits for all that was appended before it', async () => {
  const { log, finishOne } = await heldLog()
  await log.barrier()
  let passed = false
  void log.append(entries('a'))
  const barrier = log.barrier().then(() => {
    passed = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.not(passed)
  await finishOne()
  await barrier
  assert.is(log.tail, 1)
})

test('a full queue says busy, ready waits for room', async () => {
  const { log, turns, finishOne } = await heldLog(100)
  const first = log.append([new Uint8Array(50)])
  await turns() // under way, no longer in the queue
  const second = log.append([new Uint8Array(80)])
  assert.is(await codeOf(log.append([new Uint8Array(80)])), 'log.busy')
  let ready = false
  const wait = log.ready().then(() => {
    ready = true
  })
  await turns()
  assert.not(ready)
  await finishOne()
  await wait
  await finishOne()
  assert.equal(await Promise.all([first, second]), [{ firstSeq: 1 }, { firstSeq: 2 }])
})

test('an append of nothing, or of too much, is refused', async () => {
  const log = await openLog(memoryLogStore(memoryLogHome()), { clock: new VirtualClock() })
  assert.is(await codeOf(log.append([])), 'log.size')
  assert.is(await codeOf(log.append([new Uint8Array(limit('logGroupBytes'))])), 'log.size')
  assert.is(log.tail, 0)
})

test('a snapshot cannot be ahead of the log', async () => {
  const log = await openLog(memoryLogStore(memoryLogHome()), { clock: new VirtualClock() })
  await log.append(entries('a'))
  assert.is(await codeOf(log.snapshot(2, new Uint8Array())), 'log.ahead')
  await log.snapshot(1, new Uint8Array())
})

test('closing writes what waits and refuses what comes later', async () => {
  const { log, finishOne } = await heldLog()
  const last = log.append(entries('a'))
  const closing = log.close()
  assert.is(await codeOf(log.append(entries('b'))), 'log.closed')
  await finishOne()
  assert.equal(await last, { firstSeq: 1 })
  await closing
  await log.close()
  assert.is(await codeOf(contents(log)), 'log.closed')
})

test('a store that breaks stops the log and everybody who waits', async () => {
  const home = memoryLogHome()
  const store = memoryLogStore(home)
  const log = await openLog(store, { clock: new VirtualClock() })
  await log.append(entries('a'))
  store.append = () => Promise.reject(new Error('boom'))
  const waiting = [log.append(entries('b')), log.append(entries('c')), log.barrier()]
  assert.equal(await Promise.all(waiting.map(codeOf)), ['log.failed', 'log.failed', 'log.failed'])
  assert.is(await codeOf(log.append(entries('d'))), 'log.failed')
  assert.equal(await contents(log), ['1:a'])
})

test('a group that was exchanged breaks the chain', async () => {
  const home = memoryLogHome()
  const log = await openLog(memoryLogStore(home), { clock: new VirtualClock() })
  for (const text of ['a', 'b', 'c']) await log.append(entries(text))
  const other = memoryLogHome()
  const forged = await openLog(memoryLogStore(other), { clock: new VirtualClock() })
  for (const text of ['a', 'x', 'c']) await forged.append(entries(text))
  home.groups[1] = other.groups[1]!
  assert.is(await codeOf(contents(log)), 'log.corrupt')
  home.groups.splice(1, 1)
  assert.is(await codeOf(contents(log)), 'log.corrupt')
})

test.run()
