import { limit } from '../../base/index.ts'
import {
  adoptionCodec,
  type JobStatus,
  type RefusalCounts,
  type RefusalReason,
  type RoundsView,
  type Signed,
} from '../../protocol/index.ts'
import type { JobRecord as JournalledJob } from '../journal/index.ts'
import type { JobRecord, SchedulerState } from '../scheduler/index.ts'
import { shardsOf } from './assembly.ts'
import type { JobRun } from './job-run.ts'

/** A job at this moment, from its run and from the scheduler's view of it. */
export function statusOf(run: JobRun, scheduler: SchedulerState, nameOf: (peer: string) => string): JobStatus {
  const { spec, tally } = run
  const { rows, bytes } = tally
  const record = scheduler.jobs.get(spec.job)
  return {
    job: spec.job,
    name: spec.request.name ?? '',
    program: spec.request.program,
    account: spec.account,
    state: run.isKeeping ? 'running' : run.state,
    epoch: run.epoch,
    createdWallMs: spec.createdWallMs,
    ...(!run.isKeeping && run.finishedWallMs !== undefined && { finishedWallMs: run.finishedWallMs }),
    shards: {
      ...countShards(run, record),
      copies: (record ?? tally).copies,
      retries: (record ?? tally).retries,
    },
    rows: { read: rows.read, done: rows.done, ...(rows.total !== undefined && { total: rows.total }) },
    bytes: { ...bytes },
    ...(run.scaling.workers !== undefined && { maxWorkers: run.scaling.workers }),
    workers: workersOf(run, scheduler, nameOf),
    refusals: record ? sum(refusalsOf(record)) : {},
    ...(run.view && { rounds: run.state === 'running' ? run.view : overView(run.view) }),
    ...(run.sweep && { sweep: run.sweep }),
    outputDir: spec.outputDir,
    ...(!run.isKeeping && run.error && { error: run.error }),
    ...(run.adoption && { adoption: adoptionView(run.adoption) }),
    ...(run.sharing.accounts.length > 0 && { sharedWith: [...run.sharing.accounts] }),
  }
}

/** Nobody takes part any more, nor is waited for. */
function overView({ closed, sync }: RoundsView): RoundsView {
  return { closed, members: [], ...(sync !== undefined && { sync }) }
}

/** Every shard is in one place: what was emitted is their sum. */
function countShards(run: JobRun, record: JobRecord | undefined) {
  let [waiting, running, writing] = [0, 0, run.unwritten]
  for (const shard of run.shards.keys())
    if (run.hasResult(shard)) writing++
    else if (record?.shards.get(shard)?.state === 'leased') running++
    else waiting++
  const { doneShards: done, failedShards: failed } = run.tally
  return { emitted: waiting + running + writing + done + failed, waiting, running, writing, done, failed }
}

/** An ended job as its journal tells it, when nothing else is left. */
export function statusOfRecord(
  { spec, parts, ended, adoption, sharedWith = [] }: JournalledJob,
  epoch: number,
): JobStatus {
  const changed = ended?.adoption ?? adoption
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const done = parts.flatMap(shardsOf).length
  return {
    job: spec.job,
    name: spec.request.name ?? '',
    program: spec.request.program,
    account: spec.account,
    state: ended?.state ?? 'failed',
    epoch,
    createdWallMs: spec.createdWallMs,
    ...(ended && { finishedWallMs: ended.atWallMs }),
    shards: { emitted: done, waiting: 0, running: 0, writing: 0, done, failed: 0, copies: 0, retries: 0 },
    rows: { read: rows, done: rows },
    bytes: { sent: 0, received: 0 },
    workers: [],
    refusals: {},
    outputDir: spec.outputDir,
    ...(ended?.error && { error: ended.error }),
    ...(changed && { adoption: adoptionView(changed) }),
    ...(sharedWith.length > 0 && { sharedWith: [...sharedWith] }),
  }
}

/** Who it was adopted from, and by whom; what is journalled was checked before. */
function adoptionView(signed: Signed): NonNullable<JobStatus['adoption']> {
  const { from, node, atWallMs } = adoptionCodec.decode(signed.body)
  return { from, by: node, atWallMs }
}

/** Why a peer's devices were refused, over all jobs. */
export function countRefusals(scheduler: SchedulerState, peer: string): RefusalCounts {
  return sum([...scheduler.jobs.values()].flatMap((job) => refusalsOf(job, peer)))
}

function refusalsOf(job: JobRecord, peer?: string): [RefusalReason, number][] {
  const refused = [...job.refused]
    .filter(([device]) => peer === undefined || device.startsWith(`${peer}/`))
    .map(([, reason]): [RefusalReason, number] => [reason, 1])
  return peer === undefined ? [...refused, ...job.declines] : refused
}

function sum(counts: readonly [RefusalReason, number][]): RefusalCounts {
  const total: Partial<Record<RefusalReason, number>> = {}
  for (const [reason, count] of counts) total[reason] = (total[reason] ?? 0) + count
  return total
}

function workersOf(run: JobRun, scheduler: SchedulerState, nameOf: (peer: string) => string): JobStatus['workers'] {
  const peers = new Set([...run.tally.byWorker.keys()])
  for (const worker of scheduler.workers.values())
    for (const device of worker.devices.values())
      for (const lease of device.leases) if (lease.job.id === run.spec.job) peers.add(worker.peer)
  return [...peers].slice(0, limit('peers')).map((peer) => {
    const share = run.tally.byWorker.get(peer) ?? { shards: 0, rows: 0, computeMs: 0 }
    const worker = scheduler.workers.get(peer)
    const running = [...(worker?.devices.values() ?? [])].reduce(
      (count, device) => count + [...device.leases].filter((lease) => lease.job.id === run.spec.job).length,
      0,
    )
    return { peer, name: nameOf(peer), ...share, running, state: worker?.state ?? 'lost' }
  })
}
