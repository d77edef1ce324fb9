import { bytes, count, duration, measurement, percent } from '../../../runtime/node/record/report/figures.ts'
import { unitOf } from '../../../runtime/protocol/unit.ts'
import { aligned, brief, counted, plain } from '../plain.ts'
import { curvesInOrder, latest } from './curve.ts'
import { notesOf, notTaken, paceOf, rate, timeText, workerRows } from './figures.ts'
import { doneOf, type JobView } from './job-view.ts'
import { aboutOf, labelOf } from './label.ts'
import { rankedTrials, trialText } from './trials.ts'

const WORKERS = 16
const TRIALS = 8
const MISHAPS = 5

/** A job in a few lines: what a front end shows that knows no HTML, and what a saved notebook reads like. */
export function jobText(view: JobView, nowWallMs: number): string {
  const { status } = view
  if (!status) return beforeStatus(view)
  const pace = paceOf(view, nowWallMs)
  const unit = unitOf(status)
  const { rows, shards, rounds, sweep } = status
  const done = `${count(doneOf(view))}${rows.total === undefined ? '' : ` of ${count(rows.total)}`} ${unit}`
  const facts = [
    pace.share !== undefined && status.state === 'running' && percent(pace.share),
    done,
    pace.perSecond !== undefined && rate(pace.perSecond, unit),
    pace.rowsPerSecond !== undefined && rate(pace.rowsPerSecond, 'rows'),
    rounds && `${count(rounds.closed)} rounds`,
    shards.retries > 0 && `${shards.retries} retried`,
    timeText(pace, status),
  ]
  const measured = curvesInOrder(view).flatMap(([metric, { training, validation }]) => {
    const [own, other] = [latest(training), latest(validation)]
    if (!own && !other) return []
    return [
      `${metric} ${[own && measurement(own[1]), other && `validation ${measurement(other[1])}`].filter(Boolean).join(', ')}`,
    ]
  })
  const workers = workerRows(view)
  const lines = [
    `${heading(view)} ${status.state}: ${facts.filter(Boolean).join(', ')}`,
    ...notesOf(view).map(({ text }) => `! ${text}`),
    ...(measured.length > 0 ? [measured.join('; ')] : []),
    ...(sweep ? [trialText(sweep, status.state)] : []),
    ...trialLines(view),
    aligned(
      workers
        .slice(0, WORKERS)
        .map((worker) => [
          `  ${brief(worker.name, 24)}`,
          worker.state,
          `${count(worker.rows)} ${unit}`,
          worker.perSecond === undefined ? '' : rate(worker.perSecond, unit),
          worker.running > 0 ? `${worker.running} running` : '',
          worker.behind === undefined ? '' : `${worker.behind.toFixed(1)} times slower`,
          worker.missed > 0 ? `missed ${counted(worker.missed, 'round')}` : '',
        ]),
      [false, false, true, true, true],
    ),
    workers.length > WORKERS ? `  and ${workers.length - WORKERS} more workers` : '',
    ...[...view.mishaps.values()]
      .slice(-MISHAPS)
      .map(
        ({ phase, worker, reason, count: times }) =>
          `- ${phase} ×${times} ${nameOf(view, worker)} ${brief(reason, 160)}`,
      ),
    ...view.rounds
      .slice(-1)
      .map(
        (round) =>
          `round ${count(round.round)}: ${counted(round.counted.length, 'member')}, ${duration(round.durationMs)}, ${bytes(round.bytes.up)} up, ${bytes(round.bytes.down)} down${round.excluded.map(({ peer, code }) => `, without ${nameOf(view, peer)} (${code})`).join('')}`,
      ),
    ...(status.state === 'done' ? [`result: ${status.outputDir}`] : []),
  ]
  return plain(lines.filter((line) => line !== '').join('\n'))
}

function beforeStatus(view: JobView): string {
  const { job, failure } = view
  const what = heading(view)
  if (!failure) return plain(`${what}: ${job === undefined ? 'being submitted' : 'submitted'}`)
  return plain(`${what}: ${notTaken(job)}\n! ${failure.code}: ${failure.message}`)
}

function heading(view: JobView): string {
  const about = aboutOf(view)
  return `${brief(labelOf(view), 60)}${about === '' ? '' : ` (${about})`}`
}

/** A worker as people call it. */
export function nameOf({ names }: JobView, peer: string): string {
  return brief(names.get(peer) ?? peer.slice(-8), 40)
}

function trialLines(view: JobView): string[] {
  const rows = rankedTrials(view).slice(0, TRIALS)
  if (rows.length === 0) return []
  return [
    aligned(
      rows.map(({ trial, parameters, step, best, failure }, i) => [
        `  ${i + 1}.`,
        `trial ${trial}`,
        brief(parameters, 60),
        `${count(step)} steps`,
        best === undefined ? '' : measurement(best),
        brief(failure ?? '', 60),
      ]),
    ),
  ]
}
