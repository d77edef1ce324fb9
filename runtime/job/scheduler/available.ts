import { refusalOf } from './fitting.ts'
import type { Instructions } from './matching.ts'
import type { AvailableWorker, JobRecord, SchedulerEvent, SchedulerState, WorkerRecord } from './state.ts'

/** Tells jobs whom their shards could go to, where an event changes that. */
export function noteAvailable(state: SchedulerState, event: SchedulerEvent, out: Instructions): void {
  switch (event.type) {
    case 'job-opened': {
      const job = state.jobs.get(event.job)
      if (!job) return
      for (const worker of state.workers.values()) isNews(job, worker.peer, availableTo(job, worker))
      tell(job, out)
      return
    }
    case 'worker':
    case 'worker-suspect':
    case 'worker-alive':
    case 'worker-lost': {
      const worker = state.workers.get(event.peer)
      for (const job of state.jobs.values())
        if (isNews(job, event.peer, worker && availableTo(job, worker))) tell(job, out)
      return
    }
    default: // of shards and leases
  }
}

function isNews({ available }: JobRecord, peer: string, now: AvailableWorker | undefined): boolean {
  const before = available.get(peer)
  if (before?.slots === now?.slots && before?.isSilent === now?.isSilent) return false
  if (now) available.set(peer, now)
  else available.delete(peer)
  return true
}

function tell({ id, available }: JobRecord, out: Instructions): void {
  out.add({ type: 'workers', job: id, workers: [...available.values()] })
}

function availableTo(job: JobRecord, worker: WorkerRecord): AvailableWorker | undefined {
  const slots = worker.devices
    .values()
    .filter((device) => refusalOf(job, device) === undefined)
    .reduce((sum, { device }) => sum + device.slots, 0)
  return slots > 0 ? { peer: worker.peer, slots, isSilent: worker.state !== 'alive' } : undefined
}
