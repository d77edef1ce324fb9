import { assertNever, wallTimeText } from '../../../base/index.ts'
import type { NamedTensors } from '../../../data/tensor/index.ts'
import type { JobRecordDocument, ResultPart } from '../../../protocol/index.ts'
import { type Curve, curvesOf } from '../curves.ts'
import { roundsOf } from '../round-times.ts'
import { type WorkerFigures, workerFigures } from '../worker-figures.ts'
import { bytes, count, duration, measurement, percent } from './figures.ts'
import { type Line, lineChart } from './line-chart.ts'
import { html, type Markup } from './markup.ts'
import { provenance } from './provenance.ts'
import { STYLE } from './style.ts'
import { timeline } from './timeline.ts'

/** Members that have a line of their own in a chart; more of them would tell nobody anything. */
const DRAWN_MEMBERS = 8
const DRAWN_METRICS = 8

/**
 * The report of a job: one HTML page that needs no network and no scripts. `read` gives the columns of a part of a training.
 * Whatever came from other nodes or users is shown as text. Throws what `read` throws.
 */
export async function reportOf(
  record: JobRecordDocument,
  read: (part: ResultPart) => Promise<NamedTensors>,
): Promise<string> {
  const curves = await curvesOf(record, read)
  const workers = workerFigures(record)
  const names = namesOf(workers)
  const name = (peer: string) => names.get(peer) ?? peer.slice(-8)
  const title = record.name || programOf(record.request)
  const line = timeline(record, name)
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${STYLE}</style></head><body>
${head(record, title)}
${tiles(record, curves)}
${curves.length > 0 && html`<h2>Learning</h2>${curves.slice(0, DRAWN_METRICS).map((curve) => chart(curve, name))}`}
<h2>Workers</h2>${workersTable(workers, record)}
${line && html`<h2>Timeline</h2>${line}`}
${roundsTable(record, name)}
${provenance(record)}
</body></html>
`
  return page.text
}

function head(record: JobRecordDocument, title: string): Markup {
  const { job, state, failure, createdWallMs, request } = record
  return html`<h1>${title}</h1>
<p class="sub">${job}, ${programOf(request)}, <span class="state-${state}">${state}</span>, begun ${wallTimeText(createdWallMs)}</p>
${failure && html`<p><b class="state-failed">${failure.code}</b> ${failure.message}</p>`}`
}

function programOf(request: JobRecordDocument['request']): string {
  switch (request.program) {
    case 'infer':
      return 'inference'
    case 'train':
      return request.rounds ? 'training by rounds' : 'training'
    case 'sweep':
      return 'sweep'
    default:
      return assertNever(request)
  }
}

function tiles(record: JobRecordDocument, curves: readonly Curve[]): Markup {
  const { createdWallMs, finishedWallMs, training, parts, bytes: moved } = record
  const lastMs = finishedWallMs ?? Math.max(createdWallMs, ...parts.slice(-1).map(({ atWallMs = 0 }) => atWallMs))
  const elapsedMs = lastMs - createdWallMs
  const done = roundsOf(record).length > 0 ? batchesDone(record) : parts.reduce((sum, { rows }) => sum + rows, 0)
  const rows = training ? done * training.batchSize : done
  const rounds = roundsOf(record).length
  const best = curves.flatMap(({ metric, validation }) => {
    const last = validation.at(-1)
    return last ? [[`validation ${metric}, last`, measurement(last[1])] as const] : []
  })
  const shown: (readonly [what: string, value: string])[] = [
    ...best.slice(0, 3),
    [training ? 'steps' : 'rows', count(done)],
    ...(rounds > 0 ? [['rounds', count(rounds)] as const] : []),
    ['took', duration(elapsedMs)],
    [training ? 'samples a second' : 'rows a second', elapsedMs > 0 ? count((1_000 * rows) / elapsedMs) : '-'],
    ['through the submitter', `${bytes(moved.sent)} out, ${bytes(moved.received)} in`],
  ]
  return html`<div class="tiles">${shown.map(([what, value]) => html`<div><b>${value}</b>${what}</div>`)}</div>`
}

function batchesDone(record: JobRecordDocument): number {
  const counted = roundsOf(record).flatMap(({ outcome }) => outcome.counted)
  return counted.reduce((sum, { batches }) => sum + batches.reduce((all, range) => all + range.count, 0), 0)
}

function chart({ metric, training, validation, members }: Curve, name: (peer: string) => string) {
  const isMany = members.size > 1
  const own = isMany ? [...members].slice(0, DRAWN_MEMBERS) : []
  const lines: Line[] = [
    ...own.map(([peer, points], i): Line => ({ label: name(peer), colour: i + 2, kind: 'faint', points })),
    { label: isMany ? 'training, all members' : 'training', colour: 0, kind: 'line', points: training },
    ...(validation.length > 0 ? [{ label: 'validation', colour: 1, kind: 'dots', points: validation } as const] : []),
  ]
  const left = members.size - own.length
  return html`<h3>${metric}</h3>${lineChart(lines, 'steps', measurement)}${isMany && left > 0 && html`<p class="note">${left} more members are in the mean alone.</p>`}`
}

function workersTable(workers: readonly WorkerFigures[], record: JobRecordDocument): Markup {
  if (workers.length === 0) return html`<p class="note">Nobody has computed anything yet.</p>`
  const hasRounds = record.rounds.length > 0
  const unit = record.training ? 'Steps' : 'Rows'
  const excluded = (reasons: WorkerFigures['excluded']) =>
    Object.entries(reasons)
      .map(([code, times]) => `${code} ×${times}`)
      .join(', ') || '0'
  return html`<div class="wide"><table><tr><th>Worker</th><th class="n">${unit}</th><th class="n">Computing</th>${
    hasRounds &&
    html`<th class="n">Reducing</th><th class="n">Idle</th><th class="n">Sent</th><th class="n">Got</th><th class="n">Rounds counted</th><th class="n">Late (by rounds)</th><th>Excluded</th>`
  }<th>Class</th></tr>${workers.map(
    (worker) =>
      html`<tr><td title="${worker.peer}">${worker.name || worker.peer.slice(-8)}</td><td class="n">${count(worker.rows)}</td><td class="n">${duration(worker.computeMs)}</td>${
        hasRounds &&
        html`<td class="n">${duration(worker.reduceMs)}</td><td class="n">${worker.idle === undefined ? '-' : percent(worker.idle)}</td><td class="n">${bytes(worker.bytes.up)}</td><td class="n">${bytes(worker.bytes.down)}</td><td class="n">${worker.counted} of ${worker.rounds}</td><td class="n">${worker.late}${worker.late > 0 && ` (${worker.staleness.toFixed(1)})`}</td><td>${excluded(worker.excluded)}</td>`
      }<td><code>${worker.classes.join(', ') || '-'}</code></td></tr>`,
  )}</table></div>${
    hasRounds &&
    html`<p class="note">Sent and got: updates and aggregates between members. Idle: of the time of its rounds, the part in which its engine had nothing to do.</p>`
  }`
}

function roundsTable(record: JobRecordDocument, name: (peer: string) => string): Markup | undefined {
  const rounds = roundsOf(record)
  if (rounds.length === 0) return undefined
  return html`<details><summary>All ${rounds.length} rounds</summary><div class="wide"><table><tr><th class="n">Round</th><th class="n">Took</th><th>Counted</th><th>Left out, and why</th><th>State after it</th></tr>${rounds.map(
    ({ outcome: { round, openedWallMs, closedWallMs, counted, excluded, lineage } }) =>
      html`<tr><td class="n">${round}</td><td class="n">${duration(Math.max(0, closedWallMs - openedWallMs))}</td><td>${counted
        .map((each) => `${name(each.peer)}${each.round === round ? '' : ` (of round ${each.round})`}`)
        .join(
          ', ',
        )}</td><td>${excluded.map(({ peer, code, message }) => html`${name(peer)}: ${code}, ${message} `)}</td><td><code title="${lineage}">${lineage.slice(0, 12)}</code></td></tr>`,
  )}</table></div></details>`
}

/** Names that tell workers apart: with the end of their peer id where two are called alike. */
function namesOf(workers: readonly WorkerFigures[]): Map<string, string> {
  const taken = (name: string) => workers.filter((worker) => worker.name === name).length > 1
  return new Map(
    workers.map(({ peer, name }) => [
      peer,
      name === '' ? peer.slice(-8) : taken(name) ? `${name} ${peer.slice(-4)}` : name,
    ]),
  )
}
