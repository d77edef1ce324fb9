import { type RefusalReason, refusal } from '../../protocol/index.ts'
import type { DeviceRecord, JobRecord, SchedulerState, ShardRecord } from './state.ts'

/** Whether a device may run a job's shards; why not is kept for the job's status. */
export function fits(job: JobRecord, device: DeviceRecord): boolean {
  if (job.refused.has(device.key)) return false
  const reason = refusalOf(job, device)
  if (reason === undefined) return true
  job.refused.set(device.key, reason)
  return false
}

/** The first reason why a device does not run all that a job's shards compute. */
export function refusalOf(
  { kinds, requirements }: JobRecord,
  { worker, device }: DeviceRecord,
): RefusalReason | undefined {
  return kinds.map((kind) => refusal(requirements, kind, worker.peer, device)).find((reason) => reason !== undefined)
}

/** Whether the device may be given shards that any worker may compute: not where the job has as many workers as it may. */
export function mayEmploy(state: SchedulerState, job: JobRecord, device: DeviceRecord): boolean {
  const { employed, maxWorkers } = job
  if (employed.size >= maxWorkers) {
    const answering = [...employed.keys()].filter((peer) => state.workers.get(peer)?.state === 'alive')
    const at = answering.indexOf(device.worker.peer) // the first ones stay when there are to be fewer
    if ((at === -1 ? answering.length : at) >= maxWorkers) return false
  }
  return fits(job, device)
}

/** Whether the device's worker is at work on the shard; a lapsed lease of its does not bar it from another. */
export function holds(shard: ShardRecord, device: DeviceRecord): boolean {
  return [...shard.leases].some((lease) => lease.state !== 'lapsed' && lease.device.worker === device.worker)
}
