import { holds, mayEmploy } from './fitting.ts'
import type { DeviceRecord, LeaseRecord, SchedulerState, ShardRecord } from './state.ts'

// A shard is computed a second time for two reasons: its worker is silent, or far slower than the others.

/**
 * Queues the shard of a lease whose worker has fallen silent: behind all that nobody is at. Most come back, some with the
 * result, before it is begun a second time.
 */
export function queueCopy({ job, shard }: { readonly job: LeaseRecord['job']; readonly shard: ShardRecord }): void {
  if (shard.state === 'done' || shard.only !== undefined) return
  shard.state = 'pending'
  if (shard.queued > 0) return // its worker comes and goes
  shard.queued++
  job.pending.push(shard.id)
}

/**
 * The lease that a device with nothing to do should copy: the oldest one that is held by one worker only, and for far longer than
 * the median of its job (`stragglerFactor`, `stragglerMinMs`).
 */
export function straggler(state: SchedulerState, device: DeviceRecord, nowMs: number): LeaseRecord | undefined {
  let oldest: LeaseRecord | undefined
  for (const job of state.turn) {
    if (job.durationsMs.length < 3 || job.leases >= job.maxLeases || !mayEmploy(state, job, device)) continue
    const median = [...job.durationsMs].sort((a, b) => a - b)[job.durationsMs.length >> 1]!
    const minAgeMs = Math.max(state.options.stragglerMinMs, median * state.options.stragglerFactor)
    for (const shard of job.shards.values()) {
      if (shard.leases.size !== 1 || shard.state === 'done' || shard.only !== undefined) continue
      const [lease] = shard.leases
      if (!lease || lease.state === 'lapsed' || holds(shard, device) || nowMs - lease.offeredMs < minAgeMs) continue
      if (!oldest || lease.offeredMs < oldest.offeredMs) oldest = lease
    }
  }
  return oldest
}
