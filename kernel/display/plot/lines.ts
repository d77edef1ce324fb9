import { place, widened } from '../../../runtime/node/record/report/axes.ts'
import { html } from '../../../runtime/node/record/report/markup.ts'
import { numberText } from '../arrow-cell.ts'
import { Chart, frame, PALETTE } from './chart.ts'
import { type Columns, column, columnsOf, numberOf, type PlotData } from './columns.ts'

/** What is drawn against what. */
export interface PlotOptions {
  /** Stands above it. Default: none. */
  readonly title?: string
  /** A column. Default: the number of the row. */
  readonly x?: string
  /** Columns. Default: all that hold numbers, but for `x`. */
  readonly y?: string | readonly string[]
  /** Stands below the axis. Default: the name of the column, where there is one. */
  readonly xLabel?: string
  /** As `xLabel`, beside the axis. */
  readonly yLabel?: string
}

type Point = readonly [x: number, y: number]

/** Points of a line: more of them are no sharper; each pair of neighbours' least and greatest stay. */
const LINE_POINTS = 1_200
const DOTS = 3_000
const SPEC_ROWS = 5_000
const SERIES = 16

/** Lines, or dots, of columns against another one. */
export function seriesChart(data: PlotData, options: PlotOptions, kind: 'line' | 'point'): Chart {
  const columns = columnsOf(data)
  const { x, title = '' } = options
  const names = seriesNames(columns, options)
  const first = columns.values().next().value ?? []
  const xs = x === undefined ? first.map((_, i) => i) : column(columns, x).map(numberOf)
  const isTime = x !== undefined && column(columns, x).some((value) => value instanceof Date)
  const series = names.map((name): Point[] =>
    column(columns, name).flatMap((value, i) => {
      const point: Point = [xs[i] ?? Number.NaN, numberOf(value)]
      return Number.isFinite(point[0]) && Number.isFinite(point[1]) ? [point] : []
    }),
  )
  const points = series.flat()
  const xLabel = options.xLabel ?? x ?? 'row'
  const yLabel = options.yLabel ?? (names.length === 1 ? names[0]! : '')
  const range = points.length === 0 ? ([0, 1] as const) : widened(points.map(([at]) => at))
  const {
    x: toX,
    y: toY,
    axes,
  } = frame({
    xRange: range,
    yRange: points.length === 0 ? [0, 1] : widened(points.map(([, value]) => value)),
    ...{ xLabel, yLabel },
    ...(isTime && {
      xTexts: [range[0], (range[0] + range[1]) / 2, range[1]].map(
        (ms) => [ms, new Date(ms).toISOString().slice(0, 10)] as const,
      ),
    }),
  })
  const drawn = series.map((line, i) => {
    const colour = PALETTE[i % PALETTE.length]!
    if (kind === 'point' || line.length === 1)
      return html`<g color="${colour}" opacity=".75">${evenly(line, DOTS).map(([a, b]) => html`<circle cx="${place(toX(a))}" cy="${place(toY(b))}" r="2.6" fill="currentColor"/>`)}</g>`
    const path = thinned(line).map(([a, b], j) => `${j === 0 ? 'M' : 'L'}${place(toX(a))} ${place(toY(b))}`)
    return html`<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-linejoin="round"/>`
  })
  const skipped = names.length * first.length - points.length
  return new Chart({
    ...{ title, width: 640, height: 300, content: html`${axes}${drawn}`, legend: names },
    words: `${kind === 'line' ? 'lines' : 'dots'} over ${xLabel}: ${names.map((name, i) => `${name} ${rangeText(series[i]!)}`).join('; ')}`,
    ...(skipped > 0 && { note: `${skipped.toLocaleString('en')} values that are no numbers are left out` }),
    spec: {
      data: {
        values: series.flatMap((line, i) =>
          evenly(line, Math.floor(SPEC_ROWS / names.length)).map(([a, b]) => ({ x: a, y: b, series: names[i] })),
        ),
      },
      mark: kind,
      encoding: {
        x: { field: 'x', type: isTime ? 'temporal' : 'quantitative', title: xLabel, scale: { zero: false } },
        y: { field: 'y', type: 'quantitative', title: yLabel, scale: { zero: false } },
        ...(names.length > 1 && { color: { field: 'series', type: 'nominal' } }),
      },
    },
  })
}

function seriesNames(columns: Columns, { x, y }: PlotOptions): readonly string[] {
  if (y !== undefined) return [y].flat()
  return [...columns]
    .filter(([name, values]) => name !== x && values.some((value) => Number.isFinite(numberOf(value))))
    .map(([name]) => name)
    .slice(0, SERIES)
}

function rangeText(line: readonly Point[]): string {
  if (line.length === 0) return 'without a number'
  return `${numberText(line[0]![1])} to ${numberText(line.at(-1)![1])} (${line.length.toLocaleString('en')} points)`
}

function evenly(line: readonly Point[], most: number): readonly Point[] {
  const each = Math.ceil(line.length / most)
  return each <= 1 ? line : line.filter((_, i) => i % each === 0)
}

/** Of each stretch the least and the greatest: what sticks out stays. */
function thinned(line: readonly Point[]): readonly Point[] {
  const each = Math.ceil((2 * line.length) / LINE_POINTS)
  if (each <= 2) return line
  return Array.from({ length: Math.ceil(line.length / each) }, (_, i) => {
    const part = line.slice(i * each, (i + 1) * each)
    const least = part.reduce((a, b) => (b[1] < a[1] ? b : a))
    const most = part.reduce((a, b) => (b[1] > a[1] ? b : a))
    return least[0] <= most[0] ? [least, most] : [most, least]
  }).flat()
}
