import { refusalOf } from './fitting.ts'
import type { Instructions } from './matching.ts'
import type { JobRecord, SchedulerEvent, SchedulerState, WorkerRecord } from './state.ts'

/** Tells jobs whom their shards could go to, where an event changes that. */
export function noteAvailable(state: SchedulerState, event: SchedulerEvent, out: Instructions): void {
  switch (event.type) {
    case 'job-opened': {
      const job = state.jobs.get(event.job)
      if (!job) return
      for (const worker of state.workers.values()) isNews(job, worker.peer, slotsOf(job, worker))
      tell(job, out)
      return
    }
    case 'worker':
    case 'worker-lost': {
      const worker = state.workers.get(event.peer)
      for (const job of state.jobs.values())
        if (isNews(job, event.peer, worker ? slotsOf(job, worker) : 0)) tell(job, out)
      return
    }
    default: // whoever falls silent is still there
  }
}

function isNews({ available }: JobRecord, peer: string, slots: number): boolean {
  if ((available.get(peer) ?? 0) === slots) return false
  if (slots > 0) available.set(peer, slots)
  else available.delete(peer)
  return true
}

function tell({ id, available }: JobRecord, out: Instructions): void {
  out.add({ type: 'workers', job: id, workers: [...available].map(([peer, slots]) => ({ peer, slots })) })
}

function slotsOf(job: JobRecord, worker: WorkerRecord): number {
  return worker.devices
    .values()
    .filter((device) => refusalOf(job, device) === undefined)
    .reduce((sum, { device }) => sum + device.slots, 0)
}
