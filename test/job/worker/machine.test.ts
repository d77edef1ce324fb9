import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { initialWorker, step, type WorkerEvent, type WorkerInstruction } from '../../../runtime/job/worker/machine.ts'
import type { Device, Lease } from '../../../runtime/protocol/index.ts'

const device: Device = {
  id: 'cpu0',
  provider: 'cpu',
  model: 'test',
  slots: 1,
  memoryBytes: 1e9,
  determinismClass: 'class-a',
  exact: true,
  sandboxLevel: 0,
  kinds: ['infer'],
}
const blob = (letter: string) => ({ blob: letter.repeat(64), sizeBytes: 8 })
const lease = (id: string, over: Partial<Lease> = {}): Lease => ({
  id,
  job: 'job-1',
  epoch: 1,
  shard: id.repeat(64).slice(0, 64),
  spec: { kind: 'infer', model: { graph: blob('a'), weights: [] }, inputs: blob('b'), rows: 1, outputs: [] },
  account: 'ac_1',
  worker: 'W',
  device: 'cpu0',
  durationMs: 3_000,
  requirements: {},
  policy: { mode: 'none' },
  providers: ['S'],
  ...over,
})
const offer = (...leases: Lease[]): WorkerEvent => ({ type: 'offer', from: 'S', leases, known: new Set() })

function worker(over: Partial<Device> = {}) {
  const state = initialWorker('W')
  step(state, { type: 'devices', devices: [{ ...device, ...over }] }, 0)
  return {
    state,
    send: (event: WorkerEvent, nowMs = 0): WorkerInstruction[] => step(state, event, nowMs),
  }
}
const computed = (...leases: string[]): WorkerEvent => ({
  type: 'computed',
  device: 'cpu0',
  slot: 0,
  leases,
  computeMs: 1_000 * leases.length,
})
const reasons = (out: WorkerInstruction[]) =>
  out.flatMap((i) => (i.type === 'decline' ? i.leases.map(({ reason }) => reason) : []))

test('accepts, fetches ahead, and runs one lease a slot', () => {
  const w = worker()
  const [a, b] = [lease('a'), lease('b')]
  assert.equal(w.send(offer(a, b)), [
    { type: 'accept', to: 'S', leases: ['a', 'b'] },
    { type: 'fetch', lease: a, from: 'S' },
    { type: 'fetch', lease: b, from: 'S' },
  ])
  assert.equal(w.send({ type: 'fetched', lease: 'a' }), [{ type: 'run', leases: [a], slot: 0 }])
  assert.equal(w.send({ type: 'fetched', lease: 'b' }), [])
  assert.equal(w.send(computed('a')), [{ type: 'run', leases: [b], slot: 0 }])
})

/** A worker whose job is known to take `paceMs` a shard, with these leases ready behind one that runs. */
function paced(paceMs: number, ...leases: Lease[]) {
  const w = worker()
  const first = lease('first')
  w.send(offer(first))
  w.send({ type: 'fetched', lease: 'first' })
  w.send(offer(...leases))
  for (const { id } of leases) w.send({ type: 'fetched', lease: id })
  const next = w.send({ type: 'computed', device: 'cpu0', slot: 0, leases: ['first'], computeMs: paceMs })
  return { ...w, next }
}
const many = (count: number, over: Partial<Lease> = {}) => Array.from({ length: count }, (_, i) => lease(`l${i}`, over)) // more than five ask for a pace that is known

test('short shards of one job and model go to the engine together, as many as their pace allows', () => {
  const four = many(4)
  assert.equal(paced(1, ...four).next, [{ type: 'run', leases: four, slot: 0 }])
  assert.equal(paced(12, ...four).next, [{ type: 'run', leases: four.slice(0, 2), slot: 0 }])
  assert.equal(paced(30, ...four).next, [{ type: 'run', leases: four.slice(0, 1), slot: 0 }])
  const [a, b, c] = [lease('a'), lease('b', { job: 'job-2' }), lease('c')]
  const otherModel = { ...a.spec, model: { graph: blob('d'), weights: [] } }
  const mixed = [a, b, lease('m', { spec: otherModel }), c]
  assert.equal(paced(1, ...mixed).next, [{ type: 'run', leases: [a, c], slot: 0 }])
})

test('a group that failed as a whole is run again, each by itself; one that was called off leaves the others together', () => {
  const three = many(3)
  const dead = paced(1, ...three)
  const ids = three.map(({ id }) => id)
  assert.equal(dead.send({ type: 'stopped', device: 'cpu0', slot: 0, again: ids, alone: true }), [
    { type: 'run', leases: three.slice(0, 1), slot: 0 },
  ])
  assert.equal(dead.send({ ...computed('l0'), computeMs: 1 } as WorkerEvent), [
    { type: 'run', leases: three.slice(1, 2), slot: 0 },
  ])
  const cancelled = paced(1, ...three)
  assert.equal(cancelled.send({ type: 'cancel', from: 'S', leases: ['l1'], reason: 'cancelled' }), [
    { type: 'abort', lease: 'l1' },
  ])
  assert.equal(cancelled.send({ type: 'stopped', device: 'cpu0', slot: 0, again: ['l0', 'l2'], alone: false }), [
    { type: 'run', leases: [three[0]!, three[2]!], slot: 0 },
  ])
})

test('short shards share a place in the queue', () => {
  const w = paced(1)
  assert.equal(reasons(w.send(offer(...many(200)))), [])
  assert.is(w.state.held.size, 201)
  const slow = paced(100)
  assert.equal(reasons(slow.send(offer(...many(6)))), ['busy'])
})

test('a known result is replayed, not computed', () => {
  const a = lease('a')
  assert.equal(worker().send({ type: 'offer', from: 'S', leases: [a], known: new Set(['a']) }), [
    { type: 'accept', to: 'S', leases: ['a'] },
    { type: 'replay', lease: a, from: 'S' },
  ])
})

test('an offer that comes twice is answered once', () => {
  const w = worker()
  w.send(offer(lease('a')))
  assert.equal(w.send(offer(lease('a'))), [])
})

test('declines with the reason: wrong worker, wrong device, old epoch, unmet requirements', () => {
  const w = worker()
  assert.equal(reasons(w.send(offer(lease('a', { worker: 'X' })))), ['not-leased-here'])
  assert.equal(reasons(w.send(offer(lease('b', { device: 'gpu0' })))), ['not-leased-here'])
  assert.equal(reasons(w.send(offer(lease('c', { requirements: { exact: true, memoryBytes: 2e9 } })))), ['memory'])
  w.send(offer(lease('d', { epoch: 2 })))
  assert.equal(reasons(w.send(offer(lease('e', { epoch: 1 })))), ['epoch'])
})

test('declines when busy and when an account has its share, and says when to ask again', () => {
  const busy = worker()
  const many = Array.from({ length: 6 }, (_, i) => lease(`l${i}`))
  const declined = busy.send(offer(...many)).find((i) => i.type === 'decline')
  assert.equal(
    declined?.type === 'decline' &&
      declined.leases.map(({ lease, reason, retryAfterMs }) => [lease, reason, retryAfterMs]),
    [['l5', 'busy', 500]],
  )
  const shared = worker({ slots: 1_000 })
  const quota = limit('leasesPerAccount')
  const out = shared.send(offer(...Array.from({ length: quota + 1 }, (_, i) => lease(`l${i}`))))
  assert.equal(reasons(out), ['quota'])
})

test('a draining worker finishes what runs, drops the rest and declines', () => {
  const w = worker()
  w.send(offer(lease('a'), lease('b')))
  w.send({ type: 'fetched', lease: 'a' })
  assert.equal(w.send({ type: 'drain' }), [{ type: 'abort', lease: 'b' }])
  assert.equal(reasons(w.send(offer(lease('c')))), ['draining'])
})

test('cancelled work is aborted and its slot given on; only by whom it was leased', () => {
  const w = worker()
  const b = lease('b')
  w.send(offer(lease('a'), b))
  w.send({ type: 'fetched', lease: 'a' })
  w.send({ type: 'fetched', lease: 'b' })
  assert.equal(w.send({ type: 'cancel', from: 'X', leases: ['a'], reason: 'cancelled' }), [])
  assert.equal(w.send({ type: 'cancel', from: 'S', leases: ['a'], reason: 'cancelled' }), [
    { type: 'abort', lease: 'a' },
  ])
  assert.equal(w.send({ type: 'stopped', device: 'cpu0', slot: 0, again: [], alone: false }), [
    { type: 'run', leases: [b], slot: 0 },
  ])
})

test('superseded work that runs may end, what waits is dropped', () => {
  const w = worker()
  w.send(offer(lease('a'), lease('b')))
  w.send({ type: 'fetched', lease: 'a' })
  assert.equal(w.send({ type: 'cancel', from: 'S', leases: ['a', 'b'], reason: 'superseded' }), [
    { type: 'abort', lease: 'b' },
  ])
})

test('progress is told three times a lease duration', () => {
  const w = worker()
  w.send(offer(lease('a')), 0)
  assert.equal(w.send({ type: 'tick' }, 999), [])
  assert.equal(w.send({ type: 'tick' }, 1_000), [{ type: 'progress', to: 'S', leases: ['a'] }])
  assert.equal(w.send({ type: 'tick' }, 1_001), [])
  assert.equal(w.send({ type: 'tick' }, 2_000), [{ type: 'progress', to: 'S', leases: ['a'] }])
})

test('a lost submitter loses what waits; what runs ends by itself', () => {
  const w = worker()
  w.send(offer(lease('a'), lease('b')))
  w.send({ type: 'fetched', lease: 'a' })
  assert.equal(w.send({ type: 'submitter-lost', peer: 'S' }), [{ type: 'abort', lease: 'b' }])
  assert.equal([...w.state.held.keys()], ['a'])
})

const call = (from: string, epoch: number, ...jobs: string[]): WorkerEvent => ({
  type: 'roll-call',
  from,
  jobs: jobs.map((job) => ({ job, epoch, before: 9 })),
})

test('a roll call of a newer epoch takes over what is here, and drops what its inputs would not come for', () => {
  const w = worker({ slots: 1 })
  const [a, b, c, d] = [lease('a'), lease('b'), lease('c'), lease('d')]
  w.send(offer(a, b, c, d))
  for (const id of ['d', 'a', 'b']) w.send({ type: 'fetched', lease: id })
  w.send(computed('d')) // its slot went to a
  assert.equal(w.send(call('S2', 2, 'job-1')), [
    { type: 'abort', lease: 'c' },
    { type: 'answer', to: 'S2', jobs: [{ job: 'job-1', epoch: 2, before: 9 }], leases: [a, b, d] },
  ])
  assert.equal(
    [...w.state.held.values()].map(({ from }) => from),
    ['S2', 'S2', 'S2'],
  )
  assert.equal(reasons(w.send(offer(lease('e')))), ['epoch'], 'the older coordinator is fenced off')
  assert.equal(w.send(call('S', 1, 'job-1')).at(-1), { type: 'answer', to: 'S', jobs: [], leases: [] })
})

test('a roll call of the same epoch changes nothing; jobs it does not name are over', () => {
  const w = worker()
  const [a, b] = [lease('a'), lease('b', { job: 'job-2' })]
  w.send(offer(a, b))
  assert.equal(w.send(call('S', 1, 'job-1')), [
    { type: 'abort', lease: 'b' },
    { type: 'answer', to: 'S', jobs: [{ job: 'job-1', epoch: 1, before: 9 }], leases: [a] },
  ])
})

test('a lease for work under way follows it: its result is told, or it goes ahead when there is none', () => {
  const w = worker()
  const same = { shard: 'f'.repeat(64) }
  const [a, b, c] = [lease('a', same), lease('b', same), lease('c', same)]
  w.send(offer(a))
  assert.equal(w.send(offer(b, c)), [{ type: 'accept', to: 'S', leases: ['b', 'c'] }])
  w.send({ type: 'fetched', lease: 'a' })
  assert.equal(w.send(computed('a')), [])
  assert.equal(w.send({ type: 'finished', lease: 'a' }), [{ type: 'replay', lease: b, from: 'S' }])
  assert.equal(w.send({ type: 'cancel', from: 'S', leases: ['b'], reason: 'cancelled' }), [
    { type: 'abort', lease: 'b' },
    { type: 'replay', lease: c, from: 'S' },
  ])
})

test('a slot is free once the engine is done; its lease stays until the result is durable', () => {
  const w = worker()
  const b = lease('b')
  w.send(offer(lease('a'), b))
  w.send({ type: 'fetched', lease: 'a' })
  w.send({ type: 'fetched', lease: 'b' })
  assert.equal(w.send(computed('a')), [{ type: 'run', leases: [b], slot: 0 }])
  assert.equal(w.send({ type: 'cancel', from: 'S', leases: ['a'], reason: 'cancelled' }), [], 'too late')
  assert.equal(w.send({ type: 'finished', lease: 'a' }), [])
})

test.run()
