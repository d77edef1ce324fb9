import { assertNever } from '../../../runtime/base/errors.ts'
import type { JobStatus, NodeEvent, Parameter, RoundOutcome } from '../../../runtime/protocol/index.ts'
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

/** How fast a worker of a training last said that it learns. */
export interface Speed {
  readonly rowsPerSecond: number
  readonly atWallMs: number
}

/** How far a training by one worker has come by that worker's word, beyond the parts that are there. */
export interface Reached {
  readonly worker: string
  /** Steps of the whole training that are made. */
  readonly step: number
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
  /** Of a training by one worker: see {@link doneOf}. */
  reached: Reached | undefined
  /** How much was done when, lately: what speed is taken from. */
  readonly progress: { readonly atWallMs: number; readonly done: number }[]
  /** By metric. */
  readonly curves: Map<string, Curve>
  /** By worker. */
  readonly speeds: Map<string, Speed>
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
    ...{ status: undefined, reached: undefined, progress: [], curves: new Map(), speeds: new Map(), names: new Map() },
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
      foldEvent(view, news.event, news.measured)
      return
    case 'failed':
      view.failure = { code: news.error.code, message: news.error.message }
      view.job ??= news.job
      return
    default:
      assertNever(news)
  }
}

/**
 * Rows, or steps, that are done: while a worker trains alone the steps that it has told of count too. Their part, and with it what
 * is kept, comes when their shard ends; of a job that has ended, parts alone count.
 */
export function doneOf({ status, reached }: JobView): number {
  const { state, rows } = status ?? { state: 'running', rows: { done: 0 } }
  return state === 'running' ? Math.max(rows.done, reached?.step ?? 0) : rows.done
}

type Measured = Readonly<Record<string, readonly number[]>>

function foldEvent(view: JobView, event: NodeEvent, measured: Measured | undefined): void {
  switch (event.type) {
    case 'job':
      foldStatus(view, event.status, event.atWallMs)
      break
    case 'shard':
      foldShard(view, event)
      break
    case 'part':
      foldPart(view, event, measured)
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
  progressed(view, atWallMs)
}

/** Takes down how much is done by now, for the speed. */
function progressed(view: JobView, atWallMs: number): void {
  const { progress } = view
  const [last, done] = [progress.at(-1), doneOf(view)]
  if (last && done < last.done) progress.length = 0 // a retracted part, a round done again, a worker that took over
  if (last?.done === 0 && done > 0) progress.length = 0 // until then it was prepared
  if (progress.at(-1)?.done !== done) progress.push({ atWallMs, done })
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
  view.speeds.set(worker, { rowsPerSecond, atWallMs })
  if (view.status?.rounds || view.status?.sweep) return // members count their own steps, trials theirs
  view.reached = { worker, step }
  progressed(view, atWallMs)
  for (const [metric, value] of Object.entries(metrics)) addPoint(view.curves, metric, 'training', [step, value])
}

function foldPart(view: JobView, { part }: Of<'part'>, measured: Measured = {}): void {
  const { checkpoint, round, trial, firstRow, rows } = part
  if (trial) {
    foldTrial(view, trial, checkpoint)
    return
  }
  if (round) foldRound(view, round, firstRow + rows)
  for (const [metric, values] of Object.entries(measured)) {
    if (round) addPoint(view.curves, metric, 'training', [firstRow + rows, mean(values)])
    // in the place of those few that were told while it ran
    else for (const [i, value] of values.entries()) addPoint(view.curves, metric, 'training', [firstRow + i + 1, value])
  }
  for (const [metric, value] of Object.entries(checkpoint?.validation ?? {}))
    addPoint(view.curves, metric, 'validation', [checkpoint!.step, value])
}

function foldRound(view: JobView, round: RoundOutcome, step: number): void {
  view.rounds.push(closedRound(round, step))
  if (view.rounds.length > ROUNDS) view.rounds.shift()
  const { counted, missed, late } = view.roundTotals
  for (const each of round.counted) {
    add(counted, each.peer)
    if (each.round !== round.round) add(late, each.peer)
  }
  for (const { peer } of round.excluded) add(missed, peer)
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

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
