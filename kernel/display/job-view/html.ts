import { bytes, count, duration, measurement, percent } from '../../../runtime/node/record/report/figures.ts'
import { type Line, lineChart } from '../../../runtime/node/record/report/line-chart.ts'
import { html, type Markup } from '../../../runtime/node/record/report/markup.ts'
import type { JobStatus } from '../../../runtime/protocol/index.ts'
import { unitOf } from '../../../runtime/protocol/unit.ts'
import { page, UNSTYLED } from '../page.ts'
import { counted as words } from '../plain.ts'
import { type Curve, curvesInOrder, latest, pointsOf } from './curve.ts'
import { notesOf, notTaken, type Pace, paceOf, rate, timeText, type WorkerRow, workerRows } from './figures.ts'
import { doneOf, type JobView } from './job-view.ts'
import { aboutOf, labelOf } from './label.ts'
import { nameOf } from './text.ts'
import { parameterNames, rankedTrials, trialText } from './trials.ts'

const WORKERS = 32
const TRIALS = 20
/** Parameters of a sweep up to which each has a column. */
const PARAMETERS = 6
const MISHAPS = 10
const ROUNDS = 10
/** Metrics told in figures beside the one that is drawn. */
const MEASURED = 6

/** A job as it stands, with all that a front end shows in place. */
export function jobHtml(view: JobView, nowWallMs: number): string {
  const { status } = view
  if (!status) return page(beforeStatus(view))
  const pace = paceOf(view, nowWallMs)
  const workers = workerRows(view)
  return page(html`${head(view, status, pace)}
${notesOf(view).map(({ text, tone }) => html`<p class="${tone}">${text}</p>`)}
${tiles(view, status, pace)}
${curveOf(view)}
${trialsTable(view, status)}
${workersTable(view, status, workers)}
${roundsTable(view)}
${mishapsTable(view)}
${ending(view, status)}`)
}

/** Of a job that its node has not told of yet, or that it did not take. */
function beforeStatus(view: JobView): Markup {
  const { job, failure } = view
  const state = failure
    ? html`<span class="bad">${notTaken(job)}</span>`
    : html`<span class="soft">${job === undefined ? 'being submitted' : 'submitted'}</span>`
  return html`<div class="head"><b>${labelOf(view)}</b> ${state} <code class="soft">${aboutOf(view)}</code></div>${failure && html`<p class="bad">${failure.code}: ${failure.message}</p>`}`
}

const TONES: Readonly<Record<JobStatus['state'], string>> = {
  running: 'soft',
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
  adopted: 'warn',
}

function head(view: JobView, status: JobStatus, pace: Pace): Markup {
  const { state } = status
  const width = 100 * (pace.share ?? (state === 'running' ? 0 : 1))
  const tone = TONES[state] === 'soft' ? '' : TONES[state]
  return html`<div class="head"><b>${labelOf(view)}</b> <span class="${TONES[state]}">${state}</span> <span class="soft">${timeText(pace, status)}</span> <code class="soft">${aboutOf(view)}</code></div>
${(state !== 'running' || pace.share !== undefined) && html`<div class="bar" role="progressbar" aria-valuenow="${Math.round(width)}"><div class="${tone}" style="width:${width.toFixed(1)}%"></div></div>`}`
}

function tiles(view: JobView, status: JobStatus, pace: Pace): Markup {
  const { rows, shards, bytes: moved, rounds, sweep } = status
  const unit = unitOf(status)
  const measured = curvesInOrder(view)
    .slice(0, MEASURED)
    .flatMap(([metric, { training, validation }]) => {
      const [own, other] = [latest(training), latest(validation)]
      return [
        ...(own ? [[metric, measurement(own[1])] as const] : []),
        ...(other ? [[`validation ${metric}`, measurement(other[1])] as const] : []),
      ]
    })
  const shown: (readonly [what: string, value: string] | false | undefined)[] = [
    [
      rows.total === undefined ? unit : `of ${count(rows.total)} ${unit}`,
      `${count(doneOf(view))}${pace.share !== undefined && status.state === 'running' ? ` (${percent(pace.share)})` : ''}`,
    ],
    pace.perSecond !== undefined && [`${unit} a second`, rate(pace.perSecond, '').replace(' /s', '')],
    pace.rowsPerSecond !== undefined && ['rows a second', count(pace.rowsPerSecond)],
    ...measured,
    rounds && ['rounds', count(rounds.closed)],
    sweep?.best && [`best, trial ${sweep.best.trial}`, measurement(sweep.best.value)],
    [shardWords(shards), `${count(shards.done)} of ${count(shards.emitted)}`],
    moved.sent + moved.received > 0 && [
      'sent, received by this node',
      `${bytes(moved.sent)}, ${bytes(moved.received)}`,
    ],
  ]
  return html`<div class="tiles">${shown.flatMap((tile) => (tile ? [html`<div><b>${tile[1]}</b> <span>${tile[0]}</span></div>`] : []))}</div>`
}

function shardWords({ running, waiting, writing, retries, copies, failed }: JobStatus['shards']): string {
  const counts = Object.entries({ running, waiting, writing, retried: retries, copied: copies, failed })
  const told = counts.flatMap(([what, times]) => (times > 0 ? [`${times} ${what}`] : []))
  return `shards${told.length > 0 ? `; ${told.join(', ')}` : ''}`
}

/** The loss, or what there is: training and validation. */
function curveOf(view: JobView): Markup | undefined {
  const [metric, curve] = curvesInOrder(view)[0] ?? []
  if (!metric || !curve) return undefined
  const lines = linesOf(curve)
  if (lines.every(({ points }) => points.length < 2)) return undefined
  const chart = lineChart(lines, 'steps', measurement)
  return chart && html`<div class="wide" style="max-width:44rem"><p class="soft">${metric}</p>${chart}${UNSTYLED}</div>`
}

function linesOf({ training, validation }: Curve): Line[] {
  const [own, other] = [pointsOf(training), pointsOf(validation)]
  return [
    ...(own.length > 0 ? [{ label: 'training', colour: 0, kind: 'line', points: own } as const] : []),
    ...(other.length > 0 ? [{ label: 'validation', colour: 1, kind: 'dots', points: other } as const] : []),
  ]
}

function workersTable(view: JobView, status: JobStatus, workers: readonly WorkerRow[]): Markup | undefined {
  if (workers.length === 0) return undefined
  const unit = unitOf(status)
  const inRounds = status.rounds !== undefined
  const members = new Set(status.rounds?.members)
  const most = Math.max(1, ...workers.map(({ rows }) => rows))
  return html`<div class="wide"><table><thead><tr><th>worker</th><th></th><th class="n">${unit}</th><th></th><th class="n">${unit}/s</th><th class="n">shards</th><th class="n">computing</th>${inRounds && html`<th class="n">rounds</th><th class="n">missed</th><th class="n">late</th>`}<th></th></tr></thead><tbody>${workers
    .slice(0, WORKERS)
    .map(
      (worker) =>
        html`<tr><td title="${worker.peer}">${nameOf(view, worker.peer)}</td><td class="${worker.state === 'alive' ? 'good' : 'bad'}">${worker.state}</td><td class="n">${count(worker.rows)}</td><td>${workers.length > 1 && shareBar(worker.rows / most)}</td><td class="n">${worker.perSecond === undefined ? '' : rate(worker.perSecond, '').replace(' /s', '')}</td><td class="n">${worker.shards}</td><td class="n">${duration(worker.computeMs)}</td>${inRounds && html`<td class="n">${worker.counted}</td><td class="n">${worker.missed}</td><td class="n">${worker.late}</td>`}<td>${worker.running > 0 || members.has(worker.peer) ? html`<span class="soft">at work</span> ` : ''}${worker.behind !== undefined && html`<span class="warn">${worker.behind.toFixed(1)} times slower</span>`}</td></tr>`,
    )}</tbody></table></div>${workers.length > WORKERS && html`<p class="soft">and ${workers.length - WORKERS} more workers</p>`}`
}

function shareBar(share: number): Markup {
  return html`<svg width="80" height="10" viewBox="0 0 80 10" class="c0" aria-hidden="true"><rect class="fill" y="1" width="${(80 * share).toFixed(1)}" height="8" rx="2"/></svg>`
}

function trialsTable(view: JobView, status: JobStatus): Markup | undefined {
  if (!status.sweep) return undefined
  const rows = rankedTrials(view)
  const metric = view.sweep?.metric ?? 'loss'
  const names = parameterNames(view)
  const apart = names.length <= PARAMETERS
  const hasFailed = rows.some(({ failure }) => failure !== undefined)
  const headings = apart ? names.map((name) => html`<th class="n">${name}</th>`) : html`<th>parameters</th>`
  return html`<p class="soft">${trialText(status.sweep, status.state)}</p>${
    rows.length > 0 &&
    html`<div class="wide"><table><thead><tr><th class="n">rank</th><th class="n">trial</th>${headings}<th class="n">steps</th><th class="n">best ${metric}</th><th class="n">last</th>${hasFailed && html`<th>failed of</th>`}</tr></thead><tbody>${rows
      .slice(0, TRIALS)
      .map(
        ({ trial, parameters, values, step, best, last, failure }, i) =>
          html`<tr><td class="n">${best === undefined ? '' : i + 1}</td><td class="n">${trial}</td>${apart ? values.map((value) => html`<td class="n">${value}</td>`) : html`<td>${parameters}</td>`}<td class="n">${count(step)}</td><td class="n ${i === 0 && best !== undefined && 'good'}">${best === undefined ? '' : fourDigits(best)}</td><td class="n">${last === undefined ? '' : fourDigits(last)}</td>${hasFailed && html`<td class="why bad">${failure}</td>`}</tr>`,
      )}</tbody></table></div>`
  }${rows.length > TRIALS && html`<p class="soft">and ${rows.length - TRIALS} more trials</p>`}`
}

/** A measurement in a column: with its trailing zeros, so that points stand below each other. */
function fourDigits(value: number): string {
  const size = Math.abs(value)
  return size >= 1e-3 && size < 10 ? value.toFixed(4) : measurement(value)
}

function roundsTable(view: JobView): Markup | undefined {
  if (view.rounds.length === 0) return undefined
  const rows = view.rounds.slice(-ROUNDS).reverse()
  const [newest] = rows
  return html`<details><summary>round ${count(newest!.round)}: ${words(newest!.counted.length, 'member')}, ${duration(newest!.durationMs)}, ${bytes(newest!.bytes.up)} up, ${bytes(newest!.bytes.down)} down each${newest!.excluded.length > 0 && `, without ${newest!.excluded.map(({ peer }) => nameOf(view, peer)).join(', ')}`}</summary><div class="wide"><table><thead><tr><th class="n">round</th><th class="n">steps</th><th class="n">took</th><th class="n">up</th><th class="n">down</th><th>counted</th><th>left out, and why</th></tr></thead><tbody>${rows.map(
    ({ round, step, durationMs, bytes: size, counted, excluded }) =>
      html`<tr><td class="n">${count(round)}</td><td class="n">${count(step)}</td><td class="n">${duration(durationMs)}</td><td class="n">${bytes(size.up)}</td><td class="n">${bytes(size.down)}</td><td class="why">${counted.map(({ peer, late }) => `${nameOf(view, peer)}${late > 0 ? ` (${late} late)` : ''}`).join(', ')}</td><td class="why">${excluded.map(({ peer, code, message }) => `${nameOf(view, peer)}: ${code}, ${message}`).join('; ')}</td></tr>`,
  )}</tbody></table></div></details>`
}

function mishapsTable(view: JobView): Markup | undefined {
  const rows = [...view.mishaps.values()].reverse()
  if (rows.length === 0) return undefined
  const all = rows.reduce((sum, { count: times }) => sum + times, 0)
  return html`<details ${rows.some(({ phase }) => phase === 'poison') && html`open`}><summary>${words(all, 'time')} a shard was declined, lapsed, retried or given up</summary><div class="wide"><table><tbody>${rows
    .slice(0, MISHAPS)
    .map(
      ({ phase, worker, reason, count: times }) =>
        html`<tr><td class="${phase === 'poison' ? 'bad' : 'warn'}">${phase}</td><td class="n">×${times}</td><td>${worker === '' ? '' : nameOf(view, worker)}</td><td class="why">${reason.slice(0, 400)}</td></tr>`,
    )}</tbody></table></div></details>`
}

function ending(view: JobView, { state, outputDir, job }: JobStatus): Markup | undefined {
  const lost =
    view.gaps > 0 && html`<p class="soft">${view.gaps} gaps in what this view heard: its own counts may lack some</p>`
  if (state === 'running') return lost || undefined
  return html`${state === 'done' && html`<p>result: <code>${outputDir}</code></p>`}<p class="soft">its report: <code>await cluster.job('${job}').report()</code></p>${lost}`
}
