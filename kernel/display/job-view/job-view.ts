import { assertNever } from '../../../runtime/base/errors.ts'
import type { JobStatus, NodeEvent, Parameter } from '../../../runtime/protocol/index.ts'
import type { JobNews, JobProgram } from '../../job-news.ts'
import { addPoint, type Curve } from './curve.ts'
import { closedRound, type RoundRow } from './rounds.ts'

/** Of a sweep: the parameters of its trials, in their order, what they are ranked by, and which way is better. */
export interface SweepFacts {
  readonly trials: readonly Readonly<Record<string, Parameter>>[]
  readonly metric: string
  readonly goal: 'min' | 'max'
}

/** A trial of a sweep, as its checkpoints tell. */
export interface TrialRow {
  readonly trial: number
  step: number
  last?: number
  best?: number
  failure?: string
}

/** What went wrong with shards, told apart by worker and words. */
export interface Mishap {
  readonly phase: 'declined' | 'lapsed' | 'retried' | 'poison'
  readonly worker: string
  readonly reason: string
  count: number
  lastWallMs: number
}

/** The newest steps of a worker of a training. */
export interface Steps {
  readonly step: number
  readonly metrics: Readonly<Record<string, number>>
  readonly rowsPerSecond: number
  readonly atWallMs: number
}

/** All that a view shows: a fold over the news of one job. {@link foldNews} alone changes it. */
export interface JobView {
  /** As it was asked for: the node may not have it yet. */
  program: JobProgram | undefined
  name: string
  /** Once the node has it. */
  job: string | undefined
  /** There was no other machine when it was submitted. */
  alone: boolean
  sweep: SweepFacts | undefined
  /** It was not taken, or no more can be heard of it. */
  failure: { readonly code: string; readonly message: string } | undefined
  status: JobStatus | undefined
  /** How much was done when, lately: what speed is taken from. */
  readonly progress: { readonly atWallMs: number; readonly done: number }[]
  /** By metric. */
  readonly curves: Map<string, Curve>
  /** By worker. */
  readonly steps: Map<string, Steps>
  readonly names: Map<string, string>
  readonly mishaps: Map<string, Mishap>
  /** The newest ones. */
  readonly rounds: RoundRow[]
  readonly roundTotals: { counted: Map<string, number>; missed: Map<string, number>; late: Map<string, number> }
  readonly trials: Map<number, TrialRow>
  /** Events were lost between this view and its node: what it counts itself may lack some. */
  gaps: number
}

/** Speed is that of the last so many milliseconds ... */
const SPEED_MS = 10_000
/** ... in at most so many points. */
const SPEED_POINTS = 64
const MISHAPS = 50
const ROUNDS = 50

/** A view that has heard nothing yet. */
export function beginJobView(): JobView {
  return {
    ...{ program: undefined, name: '', job: undefined, alone: false, sweep: undefined, failure: undefined },
    ...{ status: undefined, progress: [], curves: new Map(), steps: new Map(), names: new Map() },
    ...{ mishaps: new Map(), rounds: [], trials: new Map(), gaps: 0 },
    roundTotals: { counted: new Map(), missed: new Map(), late: new Map() },
  }
}

/** Takes news in. Pure but for the view, which it changes in place. */
export function foldNews(view: JobView, news: JobNews): void {
  switch (news.type) {
    case 'submitting':
      view.program = news.program
      view.name = news.name ?? ''
      return
    case 'submitted':
      view.job = news.job
      view.alone = news.alone
      view.sweep = news.sweep
      for (const { peer, name } of news.peers) if (name !== '') view.names.set(peer, name)
      return
    case 'event':
      foldEvent(view, news.event)
      return
    case 'failed':
      view.failure = { code: news.error.code, message: news.error.message }
      view.job ??= news.job
      return
    default:
      assertNever(news)
  }
}

function foldEvent(view: JobView, event: NodeEvent): void {
  switch (event.type) {
    case 'job':
      foldStatus(view, event.status, event.atWallMs)
      break
    case 'shard':
      foldShard(view, event)
      break
    case 'part':
      foldPart(view, event)
      break
    case 'training':
      foldSteps(view, event)
      break
    case 'gap':
      view.gaps++
      break
    default:
      return // of the node, not of a job
  }
}

function foldStatus(view: JobView, status: JobStatus, atWallMs: number): void {
  view.status = status
  for (const { peer, name } of status.workers) if (name !== '') view.names.set(peer, name)
  const { progress } = view
  const last = progress.at(-1)
  if (last && status.rows.done < last.done) progress.length = 0 // a retracted part, a round done again
  if (!last || status.rows.done !== last.done) progress.push({ atWallMs, done: status.rows.done })
  while (progress.length > 2 && (progress.length > SPEED_POINTS || atWallMs - progress[1]!.atWallMs > SPEED_MS))
    progress.shift()
}

type Of<T extends NodeEvent['type']> = Extract<NodeEvent, { type: T }>

function foldShard(view: JobView, { phase, worker = '', reason = '', atWallMs }: Of<'shard'>): void {
  if (phase !== 'declined' && phase !== 'lapsed' && phase !== 'retried' && phase !== 'poison') return
  const key = `${phase} ${worker} ${reason}`
  const known = view.mishaps.get(key)
  view.mishaps.delete(key) // the newest stand last
  view.mishaps.set(key, { phase, worker, reason, count: (known?.count ?? 0) + 1, lastWallMs: atWallMs })
  const [oldest] = view.mishaps.keys()
  if (view.mishaps.size > MISHAPS && oldest !== undefined) view.mishaps.delete(oldest)
}

function foldSteps(view: JobView, { worker, step, metrics, rowsPerSecond, atWallMs }: Of<'training'>): void {
  view.steps.set(worker, { step, metrics, rowsPerSecond, atWallMs })
  if (view.status?.rounds || view.status?.sweep) return // members count their own steps, trials theirs
  for (const [metric, value] of Object.entries(metrics)) addPoint(view.curves, metric, 'training', [step, value])
}

function foldPart(view: JobView, { part }: Of<'part'>): void {
  const { checkpoint, round, trial, firstRow, rows } = part
  if (trial) foldTrial(view, trial, checkpoint)
  else if (checkpoint)
    for (const [metric, value] of Object.entries(checkpoint.validation ?? {}))
      addPoint(view.curves, metric, 'validation', [checkpoint.step, value])
  if (!round) return
  view.rounds.push(closedRound(round, firstRow + rows))
  if (view.rounds.length > ROUNDS) view.rounds.shift()
  const { counted, missed, late } = view.roundTotals
  for (const each of round.counted) {
    add(counted, each.peer)
    if (each.round !== round.round) add(late, each.peer)
  }
  for (const { peer } of round.excluded) add(missed, peer)
  // what a round measured is in its file; what its members said last in it comes close
  const said = round.counted.map(({ peer }) => view.steps.get(peer)?.metrics ?? {})
  for (const metric of new Set(said.flatMap((metrics) => Object.keys(metrics)))) {
    const values = said.flatMap((metrics) => metrics[metric] ?? [])
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    addPoint(view.curves, metric, 'training', [firstRow + rows, mean])
  }
}

function foldTrial(
  view: JobView,
  { trial, failed = [] }: NonNullable<Of<'part'>['part']['trial']>,
  checkpoint: Of<'part'>['part']['checkpoint'],
): void {
  const of = (at: number): TrialRow => {
    const row: TrialRow = view.trials.get(at) ?? { trial: at, step: 0 }
    view.trials.set(at, row)
    return row
  }
  for (const { trial: at, code, message } of failed) of(at).failure = `${code}: ${message}`
  if (!checkpoint) return
  const row = of(trial)
  row.step = Math.max(row.step, checkpoint.step)
  const value = checkpoint.validation?.[view.sweep?.metric ?? 'loss']
  if (value === undefined) return
  row.last = value
  const better = row.best === undefined || (view.sweep?.goal === 'max' ? value > row.best : value < row.best)
  if (better) row.best = value
}

function add(counts: Map<string, number>, peer: string): void {
  counts.set(peer, (counts.get(peer) ?? 0) + 1)
}
