import { limit } from '../../base/index.ts'
import type { HeldLease } from '../../protocol/index.ts'
import { forget, lapse } from './leases.ts'
import { hold, type Instructions, isLive, keepReady } from './matching.ts'
import type { Claim, LeaseRecord, SchedulerEvent, SchedulerState } from './state.ts'

/**
 * A worker has said what it holds. Leases of it that were given before the call and are not among them lapse now, not
 * after their time; those it holds from an earlier epoch, or from before it was taken for lost, are leases again: the
 * shard is not given to anybody else.
 */
export function answered(
  state: SchedulerState,
  { peer, jobs, leases }: Extract<SchedulerEvent, { type: 'held' }>,
  nowMs: number,
  out: Instructions,
): void {
  const held = new Set(leases.map(({ lease }) => lease))
  for (const { job: id, epoch, before } of jobs) {
    const job = state.jobs.get(id)
    if (job?.epoch !== epoch) continue // an answer to an earlier life of the job
    job.awaited.delete(peer)
    for (const lease of leasesOf(state, peer))
      if (lease.job === job && !held.has(lease.id) && (lease.epoch < epoch || lease.number < before))
        lapse(state, lease, 'not held', out)
    dropClaims(state, (claim) => claim.job === id && claim.peer === peer && !held.has(claim.lease))
  }
  for (const lease of leases) found(state, { ...lease, peer }, nowMs)
}

/** A lease is being worked on, whether it was known, had lapsed, or is one of an earlier epoch. */
export function found(state: SchedulerState, claim: Claim, nowMs: number): void {
  const job = state.jobs.get(claim.job)
  const device = state.workers.get(claim.peer)?.devices.get(claim.device)
  if (!job || !device) return
  const shard = job.shards.get(claim.shard)
  if (!shard) {
    const hasRoom = job.claims.has(claim.shard) || job.claims.size < limit('shardsInFlight')
    if (claim.epoch < job.epoch && hasRoom) job.claims.set(claim.shard, claim)
    return
  }
  if (shard.only !== undefined && shard.only !== claim.peer) return
  const known = state.leases.get(claim.lease)
  if (known && (known.device.worker.peer !== claim.peer || known.shard !== shard)) return
  if (known?.state !== undefined && known.state !== 'lapsed') {
    known.state = 'accepted'
    known.deadlineMs = nowMs + state.options.leaseMs
    return
  }
  if (shard.state === 'done' || [...shard.leases].some(isLive)) return // its receipt still counts when it comes first
  if (known) forget(state, known)
  hold(state, {
    ...recordOf(claim, known),
    job,
    shard,
    device,
    offeredMs: nowMs,
    deadlineMs: nowMs + state.options.leaseMs,
  })
  keepReady(state, device)
}

/** Forgets leases of earlier epochs whose shards have not come up. */
export function dropClaims(state: SchedulerState, which: (claim: Claim) => boolean): void {
  for (const job of state.jobs.values())
    for (const [shard, claim] of job.claims) if (which(claim)) job.claims.delete(shard)
}

/** Jobs whose workers had their time to answer lease to whoever is there. */
export function endWait(state: SchedulerState, nowMs: number): void {
  for (const job of state.jobs.values()) if (job.awaitedUntilMs <= nowMs) job.awaited.clear()
}

function recordOf({ lease: id, epoch }: HeldLease, known: LeaseRecord | undefined) {
  return { id, epoch, number: known?.number ?? 0, state: 'accepted' as const }
}

function* leasesOf(state: SchedulerState, peer: string): Generator<LeaseRecord> {
  for (const device of state.workers.get(peer)?.devices.values() ?? []) yield* [...device.leases]
}
