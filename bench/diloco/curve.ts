import { writeFile } from 'node:fs/promises'
import { median } from '../report.ts'
import type { Trained } from './recipe.ts'
import { type Compared, compressionName } from './recipes.ts'

/** A recipe by rounds against its synchronous one. */
export interface Point {
  /** Which line of the picture it is part of: task, workers, compressor. */
  readonly series: string
  readonly compression: string
  readonly momentum: number
  readonly localSteps: number
  readonly reduction: number
  /** Held-out loss above that of synchronous training, in per cent: the median of the seeds, and their extremes. */
  readonly gap: number
  readonly extremes: readonly [number, number]
  readonly seeds: number
}

/** A comparison's point, of a seed each. */
export function pointOf({ local, synchronous }: Compared, ours: readonly Trained[], theirs: readonly Trained[]): Point {
  const gaps = ours.map(({ loss }, seed) => 100 * (loss / theirs[seed]!.loss - 1)).sort((a, b) => a - b)
  const { localSteps, compression, outer } = local.rounds!
  const against = local.optimizer === synchronous.optimizer ? '' : ` (against ${synchronous.optimizer})`
  return {
    series: `${local.task}, ${local.workers} workers, ${compression.kind}${against}`,
    compression: compressionName(compression),
    momentum: outer.momentum,
    localSteps,
    reduction: ours[0]!.reduction,
    gap: median(gaps),
    extremes: [gaps[0]!, gaps.at(-1)!],
    seeds: gaps.length,
  }
}

/** Writes the points and their picture beside this file. */
export async function recordCurve(points: readonly Point[]): Promise<void> {
  await writeFile(new URL('curve.json', import.meta.url), `${JSON.stringify(points, undefined, 1)}\n`)
  await writeFile(new URL('curve.svg', import.meta.url), drawn(points))
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, LEGEND] = [860, 460, 56, 44, 16, 250]
const COLOURS = ['#1b6ca8', '#d1495b', '#2e933c', '#8d5a97', '#e08e1b', '#3d3d3d', '#00a6a6', '#9c6b30']

/** Per cent above synchronous, by how many times fewer bytes, on a logarithmic scale; the bars are the extremes of seeds. */
export function drawn(points: readonly Point[]): string {
  const most = Math.ceil(Math.max(...points.map(({ extremes }) => extremes[1])))
  const least = Math.min(0, Math.floor(Math.min(...points.map(({ extremes }) => extremes[0]))))
  const ends = [
    Math.min(...points.map(({ reduction }) => reduction)),
    Math.max(...points.map(({ reduction }) => reduction)),
  ]
  const [from, to] = [Math.log2(ends[0]! / 1.2), Math.log2(ends[1]! * 1.2)]
  const x = (reduction: number) => LEFT + ((Math.log2(reduction) - from) / (to - from)) * (WIDTH - LEFT - LEGEND)
  const y = (gap: number) => HEIGHT - BOTTOM - ((gap - least) / (most - least)) * (HEIGHT - BOTTOM - TOP)
  const right = WIDTH - LEGEND
  const rows = Array.from({ length: most - least + 1 }, (_, i) => least + i).map(
    (gap) => `<path d="M${LEFT} ${y(gap)}H${right}" stroke="${gap === 0 ? '#888' : '#e4e4e4'}"/>
<text x="${LEFT - 8}" y="${y(gap) + 4}" text-anchor="end">${gap} %</text>`,
  )
  const columns = [50, 100, 200, 400, 800, 1600]
    .filter((reduction) => Math.log2(reduction) > from && Math.log2(reduction) < to)
    .map(
      (reduction) => `<path d="M${x(reduction)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#e4e4e4"/>
<text x="${x(reduction)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${reduction}x</text>`,
    )
  const series = [...new Set(points.map((point) => point.series))].map((name, i) => {
    const colour = COLOURS[i % COLOURS.length]!
    const own = points.filter((point) => point.series === name).sort((a, b) => a.reduction - b.reduction)
    const line = own.map(({ reduction, gap }, at) => `${at === 0 ? 'M' : 'L'}${x(reduction)} ${y(gap)}`).join('')
    const marks = own.map(
      ({ reduction, gap, extremes, localSteps }) => `<path d="M${x(reduction)} ${y(extremes[0])}V${y(extremes[1])}"/>
<circle cx="${x(reduction)}" cy="${y(gap)}" r="3.5" fill="${colour}"/>
<text x="${x(reduction) + 6}" y="${y(gap) - 6}" stroke="none" fill="${colour}">${localSteps}</text>`,
    )
    const row = TOP + 14 + 20 * i
    return `<g stroke="${colour}" fill="none"><path d="${line}"/>${marks.join('')}</g>
<circle cx="${right + 20}" cy="${row - 4}" r="4" fill="${colour}"/><text x="${right + 32}" y="${row}">${name}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>Held-out loss above synchronous training, by how many times fewer bytes</title>
<rect width="100%" height="100%" fill="white"/>
${[...rows, ...columns, ...series].join('\n')}
<text x="${(LEFT + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">times fewer bytes than an f32 ring all-reduce at every step (beside a point: its local steps)</text>
</svg>
`.replace(/\d+\.\d+/g, (number) => String(Math.round(Number(number) * 10) / 10))
}
