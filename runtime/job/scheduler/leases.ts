import { type Instructions, keepReady, note } from './matching.ts'
import { awaitPeer } from './placed.ts'
import type { LeaseRecord, SchedulerState, ShardRecord } from './state.ts'

/** Where leases expire: those past their deadline lapse, and their shards go back to the queue. */
export function expireLeases(state: SchedulerState, nowMs: number, out: Instructions): void {
  for (const lease of state.leases.values())
    if (lease.state !== 'lapsed' && lease.deadlineMs <= nowMs) lapse(state, lease, 'no progress in time', out)
}

/**
 * Takes a lease's place on its device back, without forgetting it: should its receipt still come first, it counts.
 * The shard is queued again.
 */
export function lapse(state: SchedulerState, lease: LeaseRecord, reason: string, out: Instructions): void {
  if (lease.state === 'lapsed') return
  lease.state = 'lapsed'
  release(state, lease)
  out.add(note('lapsed', lease, lease.device.worker.peer, reason))
  requeue(lease)
}

/** Frees the place a lease takes on its device and in its job. */
export function release(state: SchedulerState, lease: LeaseRecord): void {
  if (lease.device.leases.delete(lease)) {
    lease.job.leases--
    const { employed } = lease.job
    const { peer } = lease.device.worker
    const left = (employed.get(peer) ?? 1) - 1
    if (left > 0) employed.set(peer, left)
    else employed.delete(peer)
  }
  keepReady(state, lease.device)
}

/** Ends a lease for good. */
export function forget(state: SchedulerState, lease: LeaseRecord): void {
  release(state, lease)
  state.leases.delete(lease.id)
  lease.shard.leases.delete(lease)
}

/** Puts a lease's shard at the head of the queue: it has waited longest. One that is placed waits for its peer. */
export function requeue({ job, shard }: { readonly job: LeaseRecord['job']; readonly shard: ShardRecord }): void {
  if (shard.state === 'done') return
  shard.state = 'pending'
  if (shard.only !== undefined) {
    awaitPeer(job, shard)
    return
  }
  shard.queued++
  if (job.pendingFrom > 0) job.pending[--job.pendingFrom] = shard.id
  else job.pending.unshift(shard.id)
}
