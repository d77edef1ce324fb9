import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  initialState,
  type SchedulerEvent,
  type SchedulerInstruction,
  type SchedulerOptions,
  step,
} from '../../../runtime/job/scheduler/index.ts'
import type { Device } from '../../../runtime/protocol/index.ts'

const device = (over: Partial<Device> = {}): Device => ({
  id: 'cpu0',
  provider: 'cpu',
  model: 'test',
  slots: 1,
  memoryBytes: 1e9,
  determinismClass: 'class-a',
  exact: true,
  sandboxLevel: 0,
  kinds: ['infer', 'train', 'reduce'],
  ...over,
})
const worker = (peer: string, ...devices: Partial<Device>[]): SchedulerEvent => ({
  type: 'worker',
  peer,
  devices: (devices.length > 0 ? devices : [{}]).map(device),
})
const placed = (only: string, ...shards: string[]): SchedulerEvent => ({ type: 'shards', job: 'J', shards, only })
const receipt = (peer: string, lease: string, shard = ''): SchedulerEvent => ({
  type: 'receipt',
  ...{ peer, lease, job: 'J', shard },
})
const failed = (peer: string, lease: string, retryable: boolean): SchedulerEvent => ({
  type: 'failed',
  ...{ peer, lease, failure: { peer, code: 'replica.lost', message: 'x', retryable } },
})
const held = (peer: string, ...leases: [string, string][]): SchedulerEvent => ({
  type: 'held',
  peer,
  jobs: [{ job: 'J', epoch: 2, before: 0 }],
  leases: leases.map(([lease, shard]) => ({ lease, job: 'J', epoch: 1, shard, device: 'cpu0' })),
})

/** A scheduler with one training by rounds; `send` gives what was said beside notes. */
function scheduler(options: Partial<SchedulerOptions> = {}, opened: object = {}) {
  const state = initialState({ prefetchPerSlot: 0, ...options })
  let nowMs = 0
  const all = (event: SchedulerEvent) => step(state, event, nowMs).filter(({ type }) => type !== 'note')
  const s = {
    state,
    all,
    at(ms: number) {
      nowMs = ms
      return s
    },
    send: (event: SchedulerEvent) => all(event).filter(({ type }) => type !== 'workers'),
  }
  s.send({
    type: 'job-opened',
    ...{ job: 'J', epoch: 1, kinds: ['train', 'reduce'], requirements: {}, maxLeases: 100 },
    ...opened,
  })
  return s
}
const orders = (instructions: SchedulerInstruction[]) =>
  instructions.flatMap((i) => (i.type === 'offer' ? i.leases.map(({ shard }) => `${i.peer}:${shard}`) : []))

test('a placed shard goes to its peer alone, and waits while that one is busy, silent, lost or not there yet', () => {
  const s = scheduler()
  s.send(worker('A'))
  assert.equal(orders(s.send(placed('B', 'b1', 'b2'))), [], 'A is idle, and none of its concern')
  assert.equal(orders(s.send(placed('A', 'a1'))), ['A:a1'], 'those that wait for B are in nobody else its way')
  assert.equal(orders(s.send(worker('B'))), ['B:b1'])
  s.send(receipt('A', 'J.1.0'))
  assert.equal(s.send({ type: 'worker-suspect', peer: 'B' }), [])
  assert.equal(orders(s.at(1e6).send({ type: 'tick' })), [], 'its lease has lapsed, and no copy is made')
  s.send({ type: 'worker-lost', peer: 'B' })
  assert.equal(orders(s.send(worker('B'))), ['B:b2'])
  assert.equal(s.send(receipt('B', 'J.1.1')).slice(0, 1), [
    { type: 'result', job: 'J', shard: 'b1', lease: 'J.1.1', peer: 'B' },
  ])
  assert.equal(orders(s.send(receipt('B', 'J.1.2'))), [], 'nothing is left')
})

test('it is never copied as a straggler, and a result of it by anybody else is none', () => {
  const s = scheduler({ stragglerMinMs: 0, stragglerFactor: 1 })
  s.send(worker('A'))
  s.send(worker('B'))
  for (const [i, shard] of ['a1', 'a2', 'a3'].entries()) {
    s.send(placed('A', shard))
    s.at(10 * (i + 1)).send(receipt('A', `J.1.${i}`))
  }
  s.send(placed('A', 'a4'))
  assert.equal(s.at(1_000).send({ type: 'tick' }), [])
  assert.equal(s.send(receipt('B', 'J.1.9', 'a4')), [])
  assert.is(s.send(receipt('A', 'J.1.3'))[0]?.type, 'result')
})

test('it is tried again on its peer, up to its attempts; what cannot succeed is poison at once', () => {
  const s = scheduler({ shardAttempts: 3, workerFailures: 1 })
  s.send(worker('A'))
  s.send(worker('B'))
  s.send(placed('A', 'a1'))
  assert.equal(orders(s.send(failed('A', 'J.1.0', true))), [], 'nobody else is asked')
  assert.equal(orders(s.send(placed('A', 'a0'))), ['A:a0'], 'A is not left alone')
  s.send(receipt('A', 'J.1.1'))
  assert.equal(orders(s.at(249).send({ type: 'tick' })), [])
  assert.equal(orders(s.at(250).send({ type: 'tick' })), ['A:a1'])
  assert.equal(orders(s.send(failed('A', 'J.1.2', true))), [])
  assert.equal(orders(s.at(749).send({ type: 'tick' })), [])
  assert.equal(orders(s.at(750).send({ type: 'tick' })), ['A:a1'])
  assert.equal(
    s.send(failed('A', 'J.1.3', true)).map(({ type }) => type),
    ['poison'],
  )
  s.send(placed('A', 'a2'))
  assert.equal(
    s.send(failed('A', 'J.1.4', false)).map(({ type }) => type),
    ['poison'],
  )
  assert.equal(orders(s.send(placed('A', 'a2'))), ['A:a2'], 'the program may ask for it again')
})

test('a device gets shards of a job when it runs every kind of them; those of one peer stay on one device', () => {
  const s = scheduler()
  const both = [{ id: 'cpu0', kinds: ['train'] as Device['kinds'] }, { id: 'cpu1' }, { id: 'cpu2' }]
  s.send(worker('A', ...both))
  s.send(placed('A', 'a1', 'a2', 'a3'))
  const devices = () => [...s.state.leases.values()].map(({ device, shard }) => `${device.device.id}:${shard.id}`)
  assert.equal(devices(), ['cpu1:a1'])
  s.send(receipt('A', 'J.1.0'))
  assert.equal(devices(), ['cpu1:a2'])
  s.send(worker('A', ...both.slice(2)))
  s.send({ type: 'tick' })
  assert.equal(devices().slice(1), ['cpu2:a3'], 'where that device is gone, another is theirs')
})

test('the program hears who is there: first, and when it changes; a silent worker is still there, and said to be silent', () => {
  const s = scheduler()
  const told = (out: SchedulerInstruction[]) =>
    out.flatMap((i) =>
      i.type === 'workers'
        ? [i.workers.map(({ peer, slots, isSilent }) => `${peer}${isSilent ? '?' : slots}`).join()]
        : [],
    )
  assert.equal(told(s.all(worker('A', { slots: 2 }, { id: 'cpu1', slots: 3 }))), ['A5'])
  assert.equal(told(s.all(worker('A', { slots: 2 }, { id: 'cpu1', slots: 3 }))), [], 'a new card that says the same')
  assert.equal(told(s.all(worker('B', { kinds: ['train'] }))), [], 'B does not reduce')
  assert.equal(told(s.all(worker('B'))), ['A5,B1'])
  assert.equal(told(s.all({ type: 'worker-suspect', peer: 'B' })), ['A5,B?'])
  assert.equal(told(s.all({ type: 'worker-alive', peer: 'B' })), ['A5,B1'])
  s.all({ type: 'worker-suspect', peer: 'B' })
  assert.equal(told(s.all({ type: 'worker-lost', peer: 'B' })), ['A5'])
  assert.equal(told(s.all({ type: 'worker-lost', peer: 'B' })), [])
  const opened = { job: 'K', epoch: 1, kinds: ['infer'] as const, requirements: { provider: 'cuda' as const } }
  assert.equal(told(s.all({ type: 'job-opened', ...opened, maxLeases: 1 })), [''], 'nobody, told all the same')
})

test('a job that goes on waits for the word of a shard its own peer, and finds what that one is at', () => {
  const s = scheduler({ returnMs: 1_000 }, { job: 'J', epoch: 2, awaited: ['A', 'B', 'gone'] })
  s.send(placed('A', 'a1'))
  s.send(placed('B', 'b1'))
  s.send(placed('C', 'c1'))
  assert.equal(orders(s.send(worker('A'))), [], 'it may be at it, or have the result')
  assert.equal(orders(s.send(worker('C'))), ['C:c1'], 'it never was given any')
  assert.equal(orders(s.send(held('A'))), ['A:a1'], 'the others are not waited for')
  s.send(worker('B'))
  assert.equal(orders(s.send(held('B', ['J.1.7', 'b1'], ['J.1.8', 'a1']))), [])
  assert.equal([...s.state.leases.keys()], ['J.2.0', 'J.2.1', 'J.1.7'], 'what is placed elsewhere is not found')
  assert.is(s.send(receipt('B', 'J.1.7')).at(-1)?.type, 'result')
})

test('a cancelled placed shard is gone, and can be placed elsewhere', () => {
  const s = scheduler()
  s.send(placed('A', 'x', 'y'))
  s.send({ type: 'shards-cancelled', job: 'J', shards: ['x', 'y'] })
  s.send(placed('B', 'x'))
  assert.equal(orders(s.send(worker('A'))), [])
  assert.equal(orders(s.send(worker('B'))), ['B:x'])
  assert.is(s.state.jobs.get('J')?.placed.size, 0)
})

test.run()
