import type { JobRecordDocument } from '../../../protocol/index.ts'
import { type Busy, busyTimes, roundsOf } from '../round-times.ts'
import { html, type Markup } from './markup.ts'

const LEFT = 130
const LANE = 22
const BAR = 14
const TOP = 22
/** Pixels of a round at least: the picture is scrolled where there are many. */
const ROUND = 14
const MAX_WIDTH = 30_000

/**
 * Who was at work when: a lane a worker, its engine's time in colour; the rounds are the strips behind, so what stays empty in
 * one is waiting. `undefined` when nothing is known.
 */
export function timeline(record: JobRecordDocument, name: (peer: string) => string): Markup | undefined {
  const busy = busyTimes(record)
  if (busy.length === 0) return undefined
  const rounds = roundsOf(record).map(({ outcome, members }) => ({
    ...{ round: outcome.round, members },
    fromMs: outcome.openedWallMs - record.createdWallMs,
    toMs: outcome.closedWallMs - record.createdWallMs,
  }))
  const peers = [...new Set([...rounds.flatMap(({ members }) => members), ...busy.map(({ peer }) => peer)])]
  const endMs = [...busy, ...rounds].reduce((most, { toMs }) => Math.max(most, toMs), 1)
  const width = LEFT + Math.min(MAX_WIDTH, Math.max(760, rounds.length * ROUND))
  const x = (ms: number) => LEFT + (ms / endMs) * (width - LEFT - 8)
  const lane = (peer: string) => TOP + peers.indexOf(peer) * LANE
  const height = TOP + peers.length * LANE + 20
  const waiting = rounds.flatMap(({ members, fromMs, toMs }) => members.map((peer) => ({ peer, fromMs, toMs })))
  return html`<div class="wide"><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="who was at work when">
${rounds.filter(({ round }) => round % labelEvery(rounds.length, width) === 0).map(({ round, fromMs }) => html`<text x="${x(fromMs).toFixed(1)}" y="12">${round}</text>`)}
${peers.map((peer) => html`<text x="${LEFT - 8}" y="${lane(peer) + 12}" text-anchor="end">${name(peer)}</text>`)}
<path class="waiting" d="${bars(waiting, x, lane)}"/>
<path class="compute" d="${bars(
    busy.filter(({ what }) => what === 'compute'),
    x,
    lane,
  )}"/>
<path class="reduce" d="${bars(
    busy.filter(({ what }) => what === 'reduce'),
    x,
    lane,
  )}"/>
<text x="${LEFT}" y="${height - 4}">0 s</text><text x="${width - 8}" y="${height - 4}" text-anchor="end">${(endMs / 1000).toFixed(1)} s</text>
</svg></div>
<p class="legend"><span class="compute">computing</span> ${rounds.length > 0 && html`<span class="reduce">reducing</span> <span class="waiting">waiting, or on its way</span> (numbers are rounds)`}</p>`
}

/** Bars as one path: there may be a hundred thousand. */
function bars(
  times: readonly Pick<Busy, 'peer' | 'fromMs' | 'toMs'>[],
  x: (ms: number) => number,
  lane: (peer: string) => number,
): string {
  return times
    .map(({ peer, fromMs, toMs }) => {
      const width = Math.max(0.5, x(toMs) - x(fromMs))
      return `M${x(fromMs).toFixed(1)} ${lane(peer)}h${width.toFixed(1)}v${BAR}h-${width.toFixed(1)}z`
    })
    .join('')
}

function labelEvery(rounds: number, width: number): number {
  const most = Math.max(1, Math.floor((width - LEFT) / 40))
  return Math.max(1, Math.ceil(rounds / most))
}
