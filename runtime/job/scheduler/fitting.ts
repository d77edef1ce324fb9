import { type RefusalReason, refusal } from '../../protocol/index.ts'
import type { DeviceRecord, JobRecord } from './state.ts'

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
