import { straggler } from './copies.ts'
import { highWater, lowWater, noteLease } from './depth.ts'
import { fits, holds, mayEmploy } from './fitting.ts'
import { takePlaced } from './placed.ts'
import type {
  DeviceRecord,
  JobRecord,
  LeaseOrder,
  LeaseRecord,
  SchedulerInstruction,
  SchedulerState,
  ShardRecord,
} from './state.ts'

/** How far past the head of a queue a shard is looked for that this device has not failed on. */
const LOOK_AHEAD = 8

/** Collects instructions; offers to one worker become one. */
export class Instructions {
  readonly #list: SchedulerInstruction[] = []
  readonly #offers = new Map<string, LeaseOrder[]>()

  add(instruction: SchedulerInstruction): void {
    this.#list.push(instruction)
  }

  offer(peer: string, order: LeaseOrder): void {
    const orders = this.#offers.get(peer)
    if (orders) orders.push(order)
    else this.#offers.set(peer, [order])
  }

  list(): SchedulerInstruction[] {
    for (const [peer, leases] of this.#offers) this.#list.push({ type: 'offer', peer, leases })
    this.#offers.clear()
    return this.#list
  }
}

/**
 * Hands pending shards to devices: first one to every free slot, then what is to be fetched ahead, so that two shards
 * never queue on one device while another idles. A device left with nothing to do copies an old lease.
 */
export function match(state: SchedulerState, devices: Iterable<DeviceRecord>, nowMs: number, out: Instructions): void {
  const usable = [...devices].filter((device) => canTake(device, nowMs))
  const provide = (device: DeviceRecord, places: number) => {
    while (device.leases.size < places) {
      const next = nextShard(state, device, nowMs)
      if (!next) break
      grant(state, next.job, next.shard, device, nowMs, out)
    }
  }
  for (const device of usable) provide(device, device.device.slots)
  const pending = usable.length === 0 ? 0 : pendingShards(state)
  for (const device of usable)
    if (device.leases.size < lowWater(state, device)) provide(device, highWater(state, device, pending))
  for (const device of usable) {
    if (device.leases.size > 0) continue
    const copy = straggler(state, device, nowMs)
    if (!copy) continue
    copy.job.copies++
    grant(state, copy.job, copy.shard, device, nowMs, out)
    out.add(note('copied', copy, device.worker.peer))
  }
  for (const device of usable) keepReady(state, device)
}

/** Gives a lease its place on its device, in its job and with its shard. */
export function hold(state: SchedulerState, lease: LeaseRecord): void {
  lease.shard.state = 'leased'
  lease.shard.leases.add(lease)
  noteLease(lease.device, lease.offeredMs)
  lease.device.leases.add(lease)
  lease.job.leases++
  const { peer } = lease.device.worker
  lease.job.employed.set(peer, (lease.job.employed.get(peer) ?? 0) + 1)
  state.leases.set(lease.id, lease)
}

/** Puts a device on, or off, the list of those with room. */
export function keepReady(state: SchedulerState, device: DeviceRecord): void {
  if (device.worker.state === 'alive' && device.leases.size < lowWater(state, device)) state.ready.add(device)
  else state.ready.delete(device)
}

/** A `note` about a lease. */
export function note(
  phase: Extract<SchedulerInstruction, { type: 'note' }>['phase'],
  lease: { readonly job: JobRecord; readonly shard: ShardRecord },
  peer: string,
  reason?: string,
): SchedulerInstruction {
  return {
    type: 'note',
    phase,
    job: lease.job.id,
    shard: lease.shard.id,
    peer,
    ...(reason !== undefined && { reason }),
  }
}

/** Whether a lease is held by a worker that answers. */
export function isLive(lease: LeaseRecord): boolean {
  return lease.state !== 'lapsed' && lease.device.worker.state === 'alive'
}

function pendingShards({ turn }: SchedulerState): number {
  return turn.reduce((sum, { pending, pendingFrom }) => sum + pending.length - pendingFrom, 0)
}

function canTake(device: DeviceRecord, nowMs: number): boolean {
  return device.worker.state === 'alive' && device.worker.pausedUntilMs <= nowMs
}

/** The next shard for this device, its jobs taken in turn. */
function nextShard(
  state: SchedulerState,
  device: DeviceRecord,
  nowMs: number,
): { job: JobRecord; shard: ShardRecord } | undefined {
  for (let i = 0; i < state.turn.length; i++) {
    const job = state.turn[i]!
    if (job.leases >= job.maxLeases) continue
    const shard = takePlaced(job, device, nowMs) ?? takePending(state, job, device)
    if (!shard) continue
    state.turn.splice(i, 1)
    state.turn.push(job)
    return { job, shard }
  }
  return undefined
}

function takePending(state: SchedulerState, job: JobRecord, device: DeviceRecord): ShardRecord | undefined {
  const { pending } = job
  if (job.awaited.size > 0 || job.pendingFrom >= pending.length || !mayEmploy(state, job, device)) return undefined
  while (job.pendingFrom < pending.length && !wanted(job, pending[job.pendingFrom]!)) passHead(job)
  const end = Math.min(pending.length, job.pendingFrom + LOOK_AHEAD)
  for (let i = job.pendingFrom; i < end; i++) {
    const shard = job.shards.get(pending[i]!)
    if (!shard || !wanted(job, shard.id) || holds(shard, device) || failedOnlyHere(state, job, shard, device)) continue
    pending[i] = pending[job.pendingFrom]!
    pending[job.pendingFrom] = shard.id
    passHead(job)
    if (job.pendingFrom > 1024 && job.pendingFrom * 2 > pending.length) {
      pending.splice(0, job.pendingFrom)
      job.pendingFrom = 0
    }
    return shard
  }
  return undefined
}

function passHead(job: JobRecord): void {
  const shard = job.shards.get(job.pending[job.pendingFrom++]!)
  if (shard && shard.queued > 0) shard.queued-- // none is left of one that was emitted anew
}

/** Whether a pending entry still needs a lease: not finished, and held by nobody who answers. */
function wanted(job: JobRecord, id: string): boolean {
  const shard = job.shards.get(id)
  return shard !== undefined && shard.state !== 'done' && ![...shard.leases].some(isLive)
}

/** A worker that failed on a shard gets it again only when nobody else can try. */
function failedOnlyHere(state: SchedulerState, job: JobRecord, shard: ShardRecord, device: DeviceRecord): boolean {
  if (!shard.failures.some((failure) => failure.peer === device.worker.peer)) return false
  for (const worker of state.workers.values()) {
    if (worker.state !== 'alive' || shard.failures.some((failure) => failure.peer === worker.peer)) continue
    for (const other of worker.devices.values()) if (fits(job, other)) return true
  }
  return false
}

function grant(
  state: SchedulerState,
  job: JobRecord,
  shard: ShardRecord,
  device: DeviceRecord,
  nowMs: number,
  out: Instructions,
): void {
  const number = job.nextLease++
  const lease: LeaseRecord = {
    id: `${job.id}.${job.epoch}.${number}`,
    job,
    epoch: job.epoch,
    number,
    shard,
    device,
    state: 'offered',
    offeredMs: nowMs,
    deadlineMs: nowMs + state.options.leaseMs,
  }
  hold(state, lease)
  if (shard.only !== undefined) job.homes.set(shard.only, device.device.id)
  out.offer(device.worker.peer, {
    lease: lease.id,
    job: job.id,
    shard: shard.id,
    device: device.device.id,
    durationMs: state.options.leaseMs,
  })
  out.add(note('leased', lease, device.worker.peer))
}
