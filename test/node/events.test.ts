import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import { EventBus, type Subscription } from '../../runtime/node/events.ts'
import type { NodeEvent } from '../../runtime/protocol/index.ts'
import { jobStatus } from '../support/fake-node-service.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const A = 'job-aaaaaaaaaaaaaaaa'
const B = 'job-bbbbbbbbbbbbbbbb'
const SHARD = 'd'.repeat(64)

function setUp(history?: number) {
  const clock = new VirtualClock(0)
  const bus = new EventBus({
    clock,
    snapshot: () => [{ type: 'job', status: jobStatus({ job: A, name: 'snapshot' }) }],
    ...(history && { history }),
  })
  return {
    bus,
    clock,
    job: (job: string, name: string) => bus.publish({ type: 'job', status: jobStatus({ job, name }) }),
    shard: (job: string) => bus.publish({ type: 'shard', job, shard: SHARD, phase: 'leased' }),
  }
}

/** What a reader has got so far, in short: `seq type name`. */
function reader(bus: EventBus, subscription: Subscription = {}) {
  const seen: string[] = []
  const stop = new AbortController()
  const events = bus.subscribe({ ...subscription, signal: stop.signal })
  const short = (event: NodeEvent) =>
    `${event.seq} ${event.type}${event.type === 'job' ? ` ${event.status.name}` : ''}${event.type === 'gap' ? ` ${event.after}..${event.oldest}` : ''}`
  const ended = (async () => {
    for await (const event of events) seen.push(short(event))
  })()
  return {
    seen,
    async take() {
      await new Promise(setImmediate)
      return seen.splice(0)
    },
    async stop() {
      stop.abort()
      await ended
    },
  }
}

test('a reader without a position gets a snapshot, then every event', async () => {
  const { bus, job, shard } = setUp()
  job(A, 'one')
  const follower = reader(bus)
  assert.equal(await follower.take(), ['1 job snapshot'])
  shard(A)
  assert.equal(await follower.take(), ['2 shard'])
  await follower.stop()
})

test('a reader with a position gets what came after it', async () => {
  const { bus, shard } = setUp()
  for (let i = 0; i < 4; i++) shard(A)
  const follower = reader(bus, { after: 2 })
  assert.equal(await follower.take(), ['3 shard', '4 shard'])
  await follower.stop()
})

test('a slow reader gets the newest state of each job only, and every shard event', async () => {
  const { bus, job, shard } = setUp()
  const slow = bus.subscribe({ after: 0 })
  job(A, 'a1')
  job(B, 'b1')
  shard(A)
  job(A, 'a2')
  job(A, 'a3')
  const got: number[] = []
  for (let i = 0; i < 3; i++) got.push((await slow.next()).value!.seq)
  assert.equal(got, [2, 3, 5])
  await slow.return()
})

test('a reader that the history has left behind hears of the gap, gets a snapshot and goes on', async () => {
  const { bus, shard } = setUp(4)
  const follower = reader(bus, { after: 0 })
  await follower.take()
  for (let i = 0; i < 10; i++) shard(A)
  assert.equal(await follower.take(), ['10 gap 0..7', '10 job snapshot'])
  shard(A)
  assert.equal(await follower.take(), ['11 shard'])
  await follower.stop()
})

test('the oldest event still held is no gap, the one before it is', async () => {
  const { bus, shard } = setUp(4)
  for (let i = 0; i < 10; i++) shard(A)
  const exact = reader(bus, { after: 6 })
  assert.equal(await exact.take(), ['7 shard', '8 shard', '9 shard', '10 shard'])
  const late = reader(bus, { after: 5 })
  assert.equal(await late.take(), ['10 gap 5..7', '10 job snapshot'])
  await exact.stop()
  await late.stop()
})

test('a position from before a restart, or out of the future, is a gap', async () => {
  const first = setUp()
  first.shard(A)
  const clock = new VirtualClock(5_000)
  const second = new EventBus({ clock, snapshot: () => [] })
  second.publish({ type: 'shard', job: A, shard: SHARD, phase: 'leased' })
  const past = reader(second, { after: first.bus.lastSeq })
  assert.equal(await past.take(), ['5000001 gap 1..5000001'])
  const future = reader(second, { after: 9_000_000 })
  assert.equal(await future.take(), ['5000001 gap 9000000..5000001'])
  await past.stop()
  await future.stop()
})

test('a reader of one job gets nothing of others', async () => {
  const { bus, job, shard } = setUp()
  const follower = reader(bus, { job: B })
  job(A, 'a')
  shard(B)
  job(B, 'b')
  bus.publish({ type: 'device', devices: [] })
  assert.equal(await follower.take(), ['2 shard', '3 job b'])
  await follower.stop()
})

test('readers are bounded, and an ended one makes room', async () => {
  const { bus } = setUp()
  const readers = Array.from({ length: limit('eventReaders') }, () => reader(bus))
  await rejects(bus.subscribe().next(), 'events.too-many-readers')
  await readers[0]!.stop()
  const next = reader(bus)
  assert.equal((await next.take()).length, 1)
  for (const each of [...readers.slice(1), next]) await each.stop()
})

async function rejects(promise: Promise<unknown>, code: string) {
  const error = await promise.then(
    () => undefined,
    (reason: { code?: string }) => reason,
  )
  assert.is(error?.code, code)
}

test('a position that is no number is refused', async () => {
  const { bus } = setUp()
  await rejects(bus.subscribe({ after: Number.NaN }).next(), 'events.bad-position')
})

test.run()
