import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import {
  initialState,
  type SchedulerEvent,
  type SchedulerInstruction,
  type SchedulerOptions,
  type SchedulerState,
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
  kinds: ['infer'],
  ...over,
})
const job = (over: object = {}): SchedulerEvent => ({
  type: 'job-opened',
  job: 'J',
  epoch: 1,
  kinds: ['infer'],
  requirements: {},
  maxLeases: 100,
  ...over,
})
const worker = (peer: string, over: Partial<Device> = {}): SchedulerEvent => ({
  type: 'worker',
  peer,
  devices: [device(over)],
})
const receipt = (peer: string, lease: string, shard = ''): SchedulerEvent => ({
  type: 'receipt',
  peer,
  lease,
  job: 'J',
  shard,
})
const failure = (peer: string, retryable = true) => ({ peer, code: 'engine.died', message: 'x', retryable })

/** Drives a machine and keeps what it said, without the notes and who is there. */
function scheduler(options: Partial<SchedulerOptions> = {}) {
  const state: SchedulerState = initialState(options)
  let nowMs = 0
  return {
    state,
    at(ms: number) {
      nowMs = ms
      return this
    },
    send(event: SchedulerEvent): SchedulerInstruction[] {
      return step(state, event, nowMs).filter(({ type }) => type !== 'note' && type !== 'workers')
    },
  }
}
const orders = (instructions: SchedulerInstruction[]) =>
  instructions.flatMap((i) =>
    i.type === 'offer' ? i.leases.map((lease) => `${i.peer}:${lease.shard}:${lease.lease}`) : [],
  )

test('leases one shard to each free slot before any is queued ahead', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A'))
  s.send(worker('B'))
  assert.equal(orders(s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3'] })), [
    'A:1:J.1.0',
    'A:3:J.1.2',
    'B:2:J.1.1',
  ])
})

test('an offer names lease, shard, device and duration, and offers to one worker are one message', () => {
  const s = scheduler({ leaseMs: 500 })
  s.send(job())
  s.send({ type: 'shards', job: 'J', shards: ['1', '2'] })
  const lease = (n: number, shard: string) => ({ lease: `J.1.${n}`, job: 'J', shard, device: 'cpu0', durationMs: 500 })
  assert.equal(s.send(worker('A')), [{ type: 'offer', peer: 'A', leases: [lease(0, '1'), lease(1, '2')] }])
})

test('a receipt yields the result once and frees the place for the next shard', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3'] })
  assert.equal(s.send(receipt('A', 'J.1.0')), [
    { type: 'result', job: 'J', shard: '1', lease: 'J.1.0', peer: 'A' },
    {
      type: 'offer',
      peer: 'A',
      leases: [{ lease: 'J.1.2', job: 'J', shard: '3', device: 'cpu0', durationMs: 60_000 }],
    },
  ])
  assert.equal(s.send(receipt('A', 'J.1.0')), [], 'the same receipt again')
  assert.equal(s.send(receipt('B', 'J.1.1')), [], "another worker's lease")
})

test('a job has as many workers at once as it may, and more or fewer when that changes', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job({ maxWorkers: 1 }))
  for (const peer of ['A', 'B', 'C']) s.send(worker(peer, { slots: 2 }))
  const shards = Array.from({ length: 12 }, (_, i) => `${i}`)
  const first = orders(s.send({ type: 'shards', job: 'J', shards }))
  assert.equal(first, ['A:0:J.1.0', 'A:1:J.1.1'], 'both slots of one worker')
  assert.equal(orders(s.send({ type: 'job-scaled', job: 'J', maxWorkers: 2 })), ['B:2:J.1.2', 'B:3:J.1.3'])
  assert.equal(orders(s.send({ type: 'job-scaled', job: 'J', maxWorkers: 1 })), [], 'nothing is called off')
  assert.equal(orders(s.send(receipt('B', 'J.1.2'))), [], 'B gets nothing more')
  assert.equal(orders(s.send(receipt('A', 'J.1.0'))), ['A:4:J.1.4'])
  assert.equal(
    orders(s.send({ type: 'worker-suspect', peer: 'A' })),
    ['B:5:J.1.5'],
    'one that is silent does not count',
  )
  assert.equal(orders(s.send({ type: 'job-scaled', job: 'J', maxWorkers: 9 })), ['C:6:J.1.6', 'C:7:J.1.7'])
})

test('a silent worker keeps its lease, its shard is copied, and the first receipt wins', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  s.send(worker('B'))
  assert.equal(orders(s.send({ type: 'worker-suspect', peer: 'A' })), ['B:1:J.1.1'])
  assert.equal(s.send(receipt('A', 'J.1.0')), [
    { type: 'cancel', peer: 'B', leases: ['J.1.1'], reason: 'superseded' },
    { type: 'result', job: 'J', shard: '1', lease: 'J.1.0', peer: 'A' },
  ])
  assert.equal(s.send(receipt('B', 'J.1.1')), [])
})

test('a copy of what a silent worker holds waits behind what nobody is at', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send(worker('B'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3'] })
  assert.equal(orders(s.send({ type: 'worker-suspect', peer: 'A' })), [])
  assert.equal(orders(s.send(receipt('B', 'J.1.1'))), ['B:3:J.1.2'])
  assert.equal(orders(s.send(receipt('B', 'J.1.2'))), ['B:1:J.1.3'])
})

test('a suspect that speaks again before its shard was copied goes on alone', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2'] })
  s.send({ type: 'worker-suspect', peer: 'A' })
  s.send({ type: 'worker-alive', peer: 'A' })
  assert.equal(orders(s.send(worker('B'))), ['B:2:J.1.1'])
})

test('a link that comes and goes does not lengthen the queue', () => {
  const s = scheduler({ prefetchPerSlot: 2 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3', '4'] })
  for (let i = 0; i < 100; i++) {
    s.send({ type: 'worker-suspect', peer: 'A' })
    s.send({ type: 'worker-alive', peer: 'A' })
  }
  const { pending, pendingFrom, shards } = s.state.jobs.get('J')!
  assert.is(pending.length - pendingFrom, 4, 'one that nobody is at, and a copy of each of three')
  assert.is([...shards.values()].filter(({ state }) => state === 'leased').length, 3, 'A is at them again')
  s.send({ type: 'worker-suspect', peer: 'A' })
  const copies = orders(s.send(worker('B'))).map((order) => order.split(':')[1])
  assert.equal(copies, ['4', '1', '2'], 'each is copied still')
})

test('a lease without progress lapses at its deadline, progress extends it, and a late receipt still counts', () => {
  const s = scheduler({ leaseMs: 1_000, prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  s.send(worker('B'))
  s.at(900).send({ type: 'progress', peer: 'A', leases: ['J.1.0'] })
  assert.equal(orders(s.at(1_899).send({ type: 'tick' })), [])
  assert.equal(orders(s.at(1_900).send({ type: 'tick' })), ['B:1:J.1.1'])
  assert.equal(s.send(receipt('A', 'J.1.0')).at(-1), {
    type: 'result',
    job: 'J',
    shard: '1',
    lease: 'J.1.0',
    peer: 'A',
  })
})

test('a worker that comes back without its device gets the shards of its lapsed leases again', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  s.send({ type: 'worker', peer: 'A', devices: [] })
  assert.equal(orders(s.send(worker('A'))), ['A:1:J.1.1'])
})

test('a lost worker gives its shards back', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2'] })
  assert.equal(s.send({ type: 'worker-lost', peer: 'A' }), [])
  assert.equal(orders(s.send(worker('B'))).length, 2)
})

test('a failed shard goes to another worker, and is named poison with its causes after its attempts', () => {
  const s = scheduler({ prefetchPerSlot: 0, shardAttempts: 2 })
  s.send(job())
  s.send(worker('A'))
  s.send(worker('B'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  assert.equal(orders(s.send({ type: 'failed', peer: 'A', lease: 'J.1.0', failure: failure('A') })), ['B:1:J.1.1'])
  assert.equal(s.send({ type: 'failed', peer: 'B', lease: 'J.1.1', failure: failure('B') }), [
    { type: 'poison', job: 'J', shard: '1', failures: [failure('A'), failure('B')] },
  ])
})

test('a failure that no retry can mend counts twice', () => {
  const s = scheduler({ shardAttempts: 2 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  const out = s.send({ type: 'failed', peer: 'A', lease: 'J.1.0', failure: failure('A', false) })
  assert.equal(
    out.map((i) => i.type),
    ['poison'],
  )
})

test('the only worker there is tries again what it failed on', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  assert.equal(orders(s.send({ type: 'failed', peer: 'A', lease: 'J.1.0', failure: failure('A') })), ['A:1:J.1.1'])
})

test('a worker that declines is asked again after the time it named', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: ['1'] })
  const declined = [{ lease: 'J.1.0', reason: 'busy' as const, retryAfterMs: 700 }]
  assert.equal(orders(s.send({ type: 'declined', peer: 'A', leases: declined })), [])
  assert.equal(orders(s.at(699).send({ type: 'tick' })), [])
  assert.equal(orders(s.at(700).send({ type: 'tick' })), ['A:1:J.1.1'])
  assert.equal(s.state.jobs.get('J')?.declines.get('busy'), 1)
})

test('a device that does not meet the requirements gets nothing, and the reason is kept', () => {
  const s = scheduler()
  s.send(job({ requirements: { provider: 'cuda' } }))
  s.send(worker('A'))
  assert.equal(orders(s.send({ type: 'shards', job: 'J', shards: ['1'] })), [])
  assert.equal([...s.state.jobs.get('J')!.refused], [['A/cpu0', 'provider']])
})

test('jobs take turns', () => {
  const s = scheduler({ prefetchPerSlot: 0 })
  s.send(job())
  s.send(job({ job: 'K' }))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2'] })
  s.send({ type: 'shards', job: 'K', shards: ['3'] })
  assert.equal(orders(s.send(worker('A', { slots: 2 }))), ['A:1:J.1.0', 'A:3:K.1.0'])
})

test('closing a job calls every lease off, one message a worker', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A'))
  s.send(worker('B'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3'] })
  const called = (peer: string, leases: string[]) => ({ type: 'cancel', peer, leases, reason: 'cancelled' })
  assert.equal(s.send({ type: 'job-closed', job: 'J' }), [called('A', ['J.1.0', 'J.1.2']), called('B', ['J.1.1'])])
  assert.is(s.state.leases.size, 0)
})
test('an idle device copies a lease that is far older than the median', () => {
  const s = scheduler({ prefetchPerSlot: 0, stragglerMinMs: 0, stragglerFactor: 3 })
  s.send(job())
  s.send(worker('A'))
  s.send(worker('B'))
  s.send({ type: 'shards', job: 'J', shards: ['1', '2', '3', '4'] })
  s.send({ type: 'accepted', peer: 'A', leases: ['J.1.0'] })
  for (const [ms, lease] of [
    [100, 'J.1.1'],
    [200, 'J.1.2'],
    [250, 'J.1.3'],
  ] as const)
    s.at(ms).send(receipt('B', lease))
  assert.equal(orders(s.at(299).send({ type: 'tick' })), [], 'three medians of 100 ms have not passed')
  assert.equal(orders(s.at(300).send({ type: 'tick' })), ['B:1:J.1.4'])
})

/** The most leases that a device holds when it answers one each `shardMs`. */
function depth(shardMs: number): number {
  const s = scheduler({ aheadMs: 200, maxAhead: 100 })
  s.send(job({ maxLeases: 1_000 }))
  s.send(worker('A'))
  s.send({ type: 'shards', job: 'J', shards: Array.from({ length: 1_000 }, (_, i) => `s${i}`) })
  let most = 0
  for (let nowMs = shardMs; nowMs <= 500 * shardMs; nowMs += shardMs) {
    most = Math.max(most, s.state.leases.size)
    s.at(nowMs).send(receipt('A', s.state.leases.keys().next().value!))
  }
  return most
}

test('short shards are leased ahead in number, as many as a device gets through in a while; long ones are not', () => {
  assert.equal([1_000, 20, 1].map(depth), [2, 11, 101])
})

test('near the end no device holds what others could be computing', () => {
  const s = scheduler({ aheadMs: 200, maxAhead: 100 })
  s.send(job())
  for (const peer of ['A', 'B', 'C', 'D']) s.send(worker(peer))
  for (const entry of s.state.workers.values())
    for (const each of entry.devices.values()) Object.assign(each.pace, { ms: 1 })
  const offers = s.send({ type: 'shards', job: 'J', shards: Array.from({ length: 40 }, (_, i) => `s${i}`) })
  const sizes = offers.map((offer) => (offer.type === 'offer' ? offer.leases.length : 0))
  assert.equal(sizes, [10, 10, 10, 10])
})

test('every shard is resolved exactly once, whatever workers do', () => {
  for (let seed = 1; seed <= 30; seed++) chaos(seed)
})

/** Random workers that accept, decline, finish, fail, fall silent, vanish and return, until all shards are resolved. */
function chaos(seed: number): void {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.float() * list.length)]!
  const state = initialState({ leaseMs: 1_000, workerPauseMs: 100, stragglerMinMs: 50, maxAhead: 4 })
  const held = new Map<string, string>()
  const resolved = new Map<string, number>()
  let nowMs = 0
  const send = (event: SchedulerEvent) => {
    for (const out of step(state, event, nowMs)) {
      if (out.type === 'offer') for (const lease of out.leases) held.set(lease.lease, out.peer)
      if (out.type === 'cancel') for (const lease of out.leases) held.delete(lease)
      if (out.type === 'result' || out.type === 'poison') resolved.set(out.shard, (resolved.get(out.shard) ?? 0) + 1)
    }
    for (const worker of state.workers.values())
      for (const entry of worker.devices.values())
        assert.ok(entry.leases.size <= entry.device.slots + 4, `seed ${seed}: device over its places`)
  }
  send(job())
  const peers = ['A', 'B', 'C', 'D']
  for (const peer of peers) send(worker(peer, { slots: 2 }))
  const shards = Array.from({ length: 60 }, (_, i) => `s${i}`)
  send({ type: 'shards', job: 'J', shards })
  for (let turn = 0; resolved.size < shards.length; turn++) {
    assert.ok(turn < 5_000, `seed ${seed}: stuck with ${resolved.size} of ${shards.length}`)
    nowMs += Math.floor(random.float() * 40)
    const peer = pick(peers)
    const mine = [...held].filter(([, holder]) => holder === peer).map(([lease]) => lease)
    const lease = mine.length > 0 ? pick(mine) : 'none'
    const roll = random.float()
    if (roll < 0.45) send(receipt(peer, lease))
    else if (roll < 0.55) send({ type: 'failed', peer, lease, failure: failure(peer) })
    else if (roll < 0.65) send({ type: 'accepted', peer, leases: mine })
    else if (roll < 0.7) send({ type: 'declined', peer, leases: [{ lease, reason: 'busy', retryAfterMs: 50 }] })
    else if (roll < 0.75) send({ type: 'worker-suspect', peer })
    else if (roll < 0.8) send({ type: 'worker-alive', peer })
    else if (roll < 0.83) send({ type: 'worker-lost', peer })
    else if (roll < 0.9) send(worker(peer, { slots: 2 }))
    else send({ type: 'tick' })
  }
  assert.ok(
    [...resolved.values()].every((times) => times === 1),
    `seed ${seed}: a shard was resolved twice`,
  )
}

const held = (peer: string, epoch: number, before: number, ...leases: [string, string, number][]): SchedulerEvent => ({
  type: 'held',
  peer,
  jobs: [{ job: 'J', epoch, before }],
  leases: leases.map(([lease, shard, of]) => ({ lease, job: 'J', epoch: of, shard, device: 'cpu0' })),
})

test('a job that goes on leases nothing before its workers have answered, and not for ever', () => {
  for (const answers of [true, false]) {
    const s = scheduler({ returnMs: 1_000 })
    s.send(job({ epoch: 2, awaited: ['A', 'B'] }))
    s.send(worker('A'))
    assert.equal(s.send({ type: 'shards', job: 'J', shards: ['x'] }), [])
    assert.equal(s.send(held('A', 2, 0)), [], 'B may have it')
    const out = answers ? s.send(held('B', 2, 0)) : s.at(1_000).send({ type: 'tick' })
    assert.equal(orders(out), ['A:x:J.2.0'])
  }
})

test('leases of an earlier epoch are found again, before or after their shards are emitted', () => {
  const s = scheduler()
  s.send(job({ epoch: 2, awaited: ['A'] }))
  s.send(worker('A', { slots: 2 }))
  s.send(worker('B', { slots: 2 }))
  s.send({ type: 'shards', job: 'J', shards: ['x'] })
  s.send(held('A', 2, 0, ['J.1.7', 'x', 1], ['J.1.8', 'y', 1]))
  assert.equal(s.send({ type: 'shards', job: 'J', shards: ['y'] }), [])
  assert.equal(s.send(receipt('A', 'J.1.8', 'y')).at(-1), {
    type: 'result',
    job: 'J',
    shard: 'y',
    lease: 'J.1.8',
    peer: 'A',
  })
  assert.equal([...s.state.leases.keys()], ['J.1.7'])
})

test('a worker that claims shards without end takes a bounded part of memory', () => {
  const s = scheduler()
  s.send(job({ epoch: 2 }))
  s.send(worker('A'))
  for (let i = 0; i < 2 * limit('shardsInFlight'); i += 1_024) {
    const claims = Array.from({ length: 1_024 }, (_, j): [string, string, number] => [`J.1.${i + j}`, `s${i + j}`, 1])
    s.send({ ...held('A', 2, 0, ...claims), jobs: [] } as SchedulerEvent)
  }
  assert.is(s.state.jobs.get('J')?.claims.size, limit('shardsInFlight'))
})

test('a result of an earlier epoch is taken by its shard, and the lease given for it called off', () => {
  const s = scheduler()
  s.send(job({ epoch: 2 }))
  s.send(worker('B'))
  s.send({ type: 'shards', job: 'J', shards: ['x'] })
  assert.equal(s.send(receipt('A', 'J.1.3', 'x')), [
    { type: 'cancel', peer: 'B', leases: ['J.2.0'], reason: 'superseded' },
    { type: 'result', job: 'J', shard: 'x', lease: 'J.1.3', peer: 'A' },
  ])
})

test('leases that a worker says nothing of lapse at once, those given after the call excepted', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A', { slots: 3 }))
  s.send({ type: 'shards', job: 'J', shards: ['x', 'y', 'z'] })
  s.send(worker('B', { slots: 3 }))
  assert.equal(orders(s.send(held('A', 1, 2, ['J.1.0', 'x', 1]))), ['A:y:J.1.3'], 'z may be on its way')
})

test('a worker that was lost gets its leases back, those that nobody else has got', () => {
  const s = scheduler()
  s.send(job())
  s.send(worker('A', { slots: 2 }))
  s.send({ type: 'shards', job: 'J', shards: ['x', 'y'] })
  s.send({ type: 'worker-lost', peer: 'A' })
  s.send({ ...worker('B'), devices: [device({ kinds: [] })] } as SchedulerEvent)
  s.send({ ...worker('A'), devices: [device({ slots: 0 })] } as SchedulerEvent)
  s.send(held('A', 1, 2, ['J.1.0', 'x', 1]))
  assert.is(s.state.leases.get('J.1.0')?.state, 'accepted')
  assert.is(s.state.leases.get('J.1.1')?.state, 'lapsed')
})

test.run()
