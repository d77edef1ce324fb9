import { limit } from '../../runtime/base/index.ts'
import type { SchedulerState } from '../../runtime/job/scheduler/index.ts'
import type { WorkerState } from '../../runtime/job/worker/machine.ts'

/** What is wrong with a scheduler's state: its leases, shards and devices have to tell the same story. */
export function checkScheduler(state: SchedulerState): string | undefined {
  const live = new Map<unknown, number>()
  for (const lease of state.leases.values()) {
    const { id, job, shard, device } = lease
    if (!shard.leases.has(lease)) return `${id} is unknown to its shard`
    if (shard.state === 'done') return `${id} is for a shard that is done`
    if (state.jobs.get(job.id) !== job) return `${id} is of a job that is closed`
    const isLive = lease.state !== 'lapsed'
    if (isLive !== device.leases.has(lease)) return `${id} is ${lease.state}, and its device thinks otherwise`
    if (isLive) live.set(job, (live.get(job) ?? 0) + 1)
  }
  for (const job of state.jobs.values()) {
    if (job.leases !== (live.get(job) ?? 0))
      return `${job.id} counts ${job.leases} leases, ${live.get(job) ?? 0} are live`
    if (job.leases > job.maxLeases) return `${job.id} holds ${job.leases} leases, at most ${job.maxLeases} are allowed`
  }
  for (const worker of state.workers.values())
    for (const { key, leases } of worker.devices.values()) {
      if (leases.size > limit('leasesPerWorker')) return `${key} holds ${leases.size} leases`
      const shards = new Set([...leases].map((lease) => lease.shard))
      if (shards.size < leases.size) return `${key} holds two leases of one shard`
    }
  return undefined
}

/**
 * What is wrong with a worker's state: what runs has a slot, no more slots are busy than there are, and none is free
 * while a lease could run in it. A lease that is forgotten there is given to others in the end, which hides it.
 */
export function checkWorker(state: WorkerState): string | undefined {
  if (state.held.size > limit('leasesPerWorker')) return `${state.held.size} leases are held`
  for (const [id, { device, busy }] of state.devices)
    if (busy.size > device.slots) return `${busy.size} slots of ${id} are busy, it has ${device.slots}`
  for (const { lease, phase } of state.held.values()) {
    const entry = state.devices.get(lease.device)
    if (phase === 'running' && entry?.busy.size === 0) return `${lease.id} runs, and no slot of ${lease.device} is busy`
    if (phase === 'ready' && entry && entry.busy.size < entry.device.slots && !state.draining)
      return `${lease.id} waits, and a slot of ${lease.device} is free`
  }
  return undefined
}
