import { assertNever } from '../../base/index.ts'
import type { CancelReason, Device } from '../../protocol/index.ts'
import { noteAvailable } from './available.ts'
import { queueCopy } from './copies.ts'
import { noteReceipt } from './depth.ts'
import { answered, dropClaims, endWait, found } from './held.ts'
import { expireLeases, forget, lapse, requeue } from './leases.ts'
import { Instructions, keepReady, match, note } from './matching.ts'
import { awaitPeer, postpone, stopAwaiting } from './placed.ts'
import type {
  DeviceRecord,
  JobRecord,
  LeaseRecord,
  SchedulerEvent,
  SchedulerInstruction,
  SchedulerState,
  ShardRecord,
  WorkerRecord,
} from './state.ts'

/** Durations kept to tell a straggler by. */
const DURATIONS = 32

/**
 * The scheduler of one submitter, as a pure machine: `step` changes `state` by one event at monotonic time `nowMs`
 * and returns what the driver has to do. It knows shards, leases and devices; never what a shard computes.
 */
export function step(state: SchedulerState, event: SchedulerEvent, nowMs: number): SchedulerInstruction[] {
  const out = new Instructions()
  const touched = apply(state, event, nowMs, out)
  noteAvailable(state, event, out)
  match(state, touched ?? state.ready, nowMs, out)
  return out.list()
}

/** Applies an event; returns the devices it made room on, when nothing else can have changed. */
function apply(
  state: SchedulerState,
  event: SchedulerEvent,
  nowMs: number,
  out: Instructions,
): Iterable<DeviceRecord> | undefined {
  switch (event.type) {
    case 'job-opened':
      openJob(state, event, nowMs)
      return []
    case 'job-scaled': {
      const job = state.jobs.get(event.job)
      if (job) job.maxWorkers = event.maxWorkers
      return undefined
    }
    case 'shards':
      addShards(state, event, nowMs)
      return undefined
    case 'shards-cancelled':
      cancelShards(state, event, out)
      return undefined
    case 'job-closed':
      closeJob(state, event.job, out)
      return undefined
    case 'worker':
      return updateWorker(state, event.peer, event.devices, out)
    case 'worker-suspect':
      suspect(state, event.peer)
      return undefined
    case 'worker-alive':
      return revive(state, event.peer)
    case 'worker-lost':
      lose(state, event.peer, out)
      return undefined
    case 'accepted':
    case 'progress':
      for (const lease of heldBy(state, event.peer, event.leases)) {
        if (lease.state === 'lapsed') continue
        lease.state = 'accepted'
        lease.deadlineMs = nowMs + state.options.leaseMs
      }
      return []
    case 'declined':
      return decline(state, event, nowMs, out)
    case 'receipt':
      return receive(state, event, nowMs, out)
    case 'held':
      answered(state, event, nowMs, out)
      return undefined
    case 'failed':
      fail(state, event, nowMs, out)
      return undefined
    case 'tick':
      expireLeases(state, nowMs, out)
      endWait(state, nowMs)
      return undefined
    default:
      return assertNever(event)
  }
}

function openJob(state: SchedulerState, event: Extract<SchedulerEvent, { type: 'job-opened' }>, nowMs: number): void {
  if (state.jobs.has(event.job)) return
  const job: JobRecord = {
    id: event.job,
    epoch: event.epoch,
    kinds: event.kinds,
    requirements: event.requirements,
    maxLeases: event.maxLeases,
    maxWorkers: event.maxWorkers ?? Number.POSITIVE_INFINITY,
    employed: new Map(),
    shards: new Map(),
    pending: [],
    pendingFrom: 0,
    placed: new Map(),
    homes: new Map(),
    available: new Map(),
    nextLease: 0,
    claims: new Map(),
    awaited: new Set(event.awaited),
    awaitedUntilMs: nowMs + state.options.returnMs,
    leases: 0,
    durationsMs: [],
    refused: new Map(),
    declines: new Map(),
    copies: 0,
    retries: 0,
  }
  state.jobs.set(job.id, job)
  state.turn.push(job)
}

function addShards(state: SchedulerState, event: Extract<SchedulerEvent, { type: 'shards' }>, nowMs: number): void {
  const job = state.jobs.get(event.job)
  if (!job) return
  for (const id of event.shards) {
    if (job.shards.has(id)) continue // the same work has the same id, and one lease is enough
    const { only } = event
    const shard: ShardRecord = {
      id,
      only,
      notBeforeMs: 0,
      state: 'pending',
      queued: 0,
      leases: new Set(),
      failures: [],
    }
    job.shards.set(id, shard)
    if (only === undefined) {
      shard.queued++
      job.pending.push(id) // passed over while a lease is found for it
    } else awaitPeer(job, shard)
    const claim = job.claims.get(id)
    job.claims.delete(id)
    if (claim) found(state, claim, nowMs)
  }
}

function cancelShards(
  state: SchedulerState,
  event: Extract<SchedulerEvent, { type: 'shards-cancelled' }>,
  out: Instructions,
): void {
  const job = state.jobs.get(event.job)
  if (!job) return
  const leases = event.shards.flatMap((id) => [...(job.shards.get(id)?.leases ?? [])])
  cancel(state, leases, 'cancelled', out)
  for (const id of event.shards) {
    const shard = job.shards.get(id)
    if (shard) stopAwaiting(job, shard)
    job.shards.delete(id)
  }
}

function closeJob(state: SchedulerState, id: string, out: Instructions): void {
  const job = state.jobs.get(id)
  if (!job) return
  cancel(
    state,
    [...job.shards.values()].flatMap((shard) => [...shard.leases]),
    'cancelled',
    out,
  )
  state.jobs.delete(id)
  state.turn.splice(state.turn.indexOf(job), 1)
}

/** Calls leases off, one message a worker. */
function cancel(state: SchedulerState, leases: readonly LeaseRecord[], reason: CancelReason, out: Instructions): void {
  for (const [worker, group] of Map.groupBy(leases, (lease) => lease.device.worker)) {
    for (const lease of group) {
      forget(state, lease)
      out.add(note('cancelled', lease, worker.peer, reason))
    }
    if (worker.state !== 'lost')
      out.add({ type: 'cancel', peer: worker.peer, leases: group.map((lease) => lease.id), reason })
  }
}

function updateWorker(
  state: SchedulerState,
  peer: string,
  devices: readonly Device[],
  out: Instructions,
): Iterable<DeviceRecord> {
  let worker = state.workers.get(peer)
  if (!worker) {
    worker = { peer, state: 'alive', devices: new Map(), pausedUntilMs: 0, failuresInARow: 0 }
    state.workers.set(peer, worker)
  }
  worker.state = 'alive'
  for (const [id, record] of worker.devices) {
    if (devices.some((device) => device.id === id)) continue
    for (const lease of [...record.leases]) lapse(state, lease, 'device gone', out)
    state.ready.delete(record)
    worker.devices.delete(id)
  }
  for (const device of devices) {
    const record = worker.devices.get(device.id)
    if (record) record.device = device
    else {
      const pace = { ms: undefined, sinceMs: 0, count: 0 }
      worker.devices.set(device.id, { key: `${peer}/${device.id}`, worker, device, leases: new Set(), pace })
    }
  }
  for (const record of worker.devices.values()) {
    for (const job of state.jobs.values()) job.refused.delete(record.key)
    keepReady(state, record)
  }
  return worker.devices.values()
}

/** A silent worker keeps its leases, and may still finish them; each of its shards is queued for a copy elsewhere. */
function suspect(state: SchedulerState, peer: string): void {
  const worker = state.workers.get(peer)
  if (worker?.state !== 'alive') return
  worker.state = 'suspect'
  for (const device of worker.devices.values()) {
    keepReady(state, device)
    for (const lease of device.leases) queueCopy(lease)
  }
}

function revive(state: SchedulerState, peer: string): Iterable<DeviceRecord> {
  const worker = state.workers.get(peer)
  if (!worker) return []
  worker.state = 'alive'
  for (const device of worker.devices.values()) {
    for (const { shard } of device.leases) if (shard.state === 'pending') shard.state = 'leased'
    keepReady(state, device)
  }
  return worker.devices.values()
}

function lose(state: SchedulerState, peer: string, out: Instructions): void {
  const worker = state.workers.get(peer)
  if (!worker) return
  worker.state = 'lost'
  for (const device of worker.devices.values()) {
    for (const lease of [...device.leases]) lapse(state, lease, 'worker lost', out)
    keepReady(state, device)
    for (const job of state.jobs.values()) job.refused.delete(device.key)
  }
  dropClaims(state, (claim) => claim.peer === peer)
  state.workers.delete(peer)
}

function decline(
  state: SchedulerState,
  event: Extract<SchedulerEvent, { type: 'declined' }>,
  nowMs: number,
  out: Instructions,
): Iterable<DeviceRecord> | undefined {
  for (const { lease: id, reason, retryAfterMs } of event.leases) {
    const lease = state.leases.get(id)
    if (!lease || lease.device.worker.peer !== event.peer) continue
    const { worker } = lease.device
    lease.job.declines.set(reason, (lease.job.declines.get(reason) ?? 0) + 1)
    forget(state, lease)
    requeue(lease)
    worker.pausedUntilMs = Math.max(worker.pausedUntilMs, nowMs + retryAfterMs)
    out.add(note('declined', lease, worker.peer, reason))
  }
  return undefined
}

function receive(
  state: SchedulerState,
  { peer, lease: id, ...named }: Extract<SchedulerEvent, { type: 'receipt' }>,
  nowMs: number,
  out: Instructions,
): Iterable<DeviceRecord> {
  const lease = state.leases.get(id)
  if (lease && lease.device.worker.peer !== peer) return []
  const job = lease?.job ?? state.jobs.get(named.job)
  const shard = lease?.shard ?? job?.shards.get(named.shard)
  if (!job || !shard || (shard.only !== undefined && shard.only !== peer)) return []
  const freed: DeviceRecord[] = []
  shard.state = 'done'
  if (lease) {
    freed.push(lease.device)
    lease.device.worker.failuresInARow = 0
    noteReceipt(lease.device, nowMs)
    if (lease.epoch === job.epoch) job.durationsMs.push(nowMs - lease.offeredMs)
    if (job.durationsMs.length > DURATIONS) job.durationsMs.shift()
    forget(state, lease)
  }
  for (const other of shard.leases) freed.push(other.device)
  cancel(state, [...shard.leases], 'superseded', out)
  stopAwaiting(job, shard)
  job.shards.delete(shard.id)
  out.add({ type: 'result', job: job.id, shard: shard.id, lease: id, peer })
  return freed
}

function fail(
  state: SchedulerState,
  event: Extract<SchedulerEvent, { type: 'failed' }>,
  nowMs: number,
  out: Instructions,
): void {
  const lease = state.leases.get(event.lease)
  if (!lease) dropClaims(state, (claim) => claim.lease === event.lease && claim.peer === event.peer)
  if (!lease || lease.device.worker.peer !== event.peer) return
  const { job, shard } = lease
  forget(state, lease)
  const isPlaced = shard.only !== undefined
  if (!isPlaced) pauseAfterFailures(state, lease.device.worker, nowMs) // nobody else would do it meanwhile
  shard.failures.push(event.failure)
  const weight = shard.failures.reduce((sum, failure) => sum + (failure.retryable ? 1 : 2), 0)
  if (weight >= state.options.shardAttempts || (isPlaced && !event.failure.retryable)) {
    cancel(state, [...shard.leases], 'cancelled', out)
    job.shards.delete(shard.id)
    shard.state = 'done'
    out.add({ type: 'poison', job: job.id, shard: shard.id, failures: shard.failures })
    return
  }
  job.retries++
  postpone(shard, nowMs)
  requeue(lease)
  out.add(note('retried', lease, event.peer, event.failure.code))
}

/** A worker on which everything fails is left alone for a while. */
function pauseAfterFailures(state: SchedulerState, worker: WorkerRecord, nowMs: number): void {
  if (++worker.failuresInARow < state.options.workerFailures) return
  if (state.workers.size > 1) worker.pausedUntilMs = nowMs + state.options.workerPauseMs
  worker.failuresInARow = 0
}

function* heldBy(state: SchedulerState, peer: string, ids: readonly string[]): Generator<LeaseRecord> {
  for (const id of ids) {
    const lease = state.leases.get(id)
    if (lease?.device.worker.peer === peer) yield lease
  }
}
