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
  /**
   * A column that says which line, or which colour of dots, a row belongs to; `false`: none. Default of lines: `member`, where a table
   * has it and `x` is given, as the metrics of a training by several workers do.
   */
  readonly by?: string | false
  /** Stands below the axis. Default: the name of the column, where there is one. */
  readonly xLabel?: string
  /** As `xLabel`, beside the axis. */
  readonly yLabel?: string
}

type Point = readonly [x: number, y: number]

/** What one line is drawn of. */
interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

/** Points of a line: more of them are no sharper; each pair of neighbours' least and greatest stay. */
const LINE_POINTS = 1_200
const DOTS = 3_000
const SPEC_ROWS = 5_000
const SERIES = 16

/** Lines, or dots, of columns against another one. A line runs from left to right: its points are sorted by `x`. */
export function seriesChart(data: PlotData, options: PlotOptions, kind: 'line' | 'point'): Chart {
  const columns = columnsOf(data)
  const { x, title = '' } = options
  const by = options.by === false ? undefined : (options.by ?? membersIn(columns, options, kind))
  const metrics = metricNames(columns, options, by)
  const first = columns.values().next().value ?? []
  const xs = x === undefined ? first.map((_, i) => i) : column(columns, x).map(numberOf)
  const isTime = x !== undefined && column(columns, x).some((value) => value instanceof Date)
  const kept = metrics.flatMap((name): Series[] => {
    const points = column(columns, name).map((value, i): Point => [xs[i] ?? Number.NaN, numberOf(value)])
    const all = by === undefined ? [{ name, points }] : splitBy(by, column(columns, by), points, name, metrics.length)
    return all.map((line) => ({ name: line.name, points: line.points.filter((point) => point.every(Number.isFinite)) }))
  })
  const drawnSeries = kept.slice(0, SERIES)
  const names = drawnSeries.map(({ name }) => name)
  const series = drawnSeries.map(({ points }) => (kind === 'line' ? points.toSorted(([a], [b]) => a - b) : points))
  const points = series.flat()
  const xLabel = options.xLabel ?? x ?? 'row'
  const yLabel = options.yLabel ?? (metrics.length === 1 ? metrics[0]! : '')
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
  const skipped = metrics.length * first.length - kept.reduce((sum, line) => sum + line.points.length, 0)
  const repeats = kind === 'line' && series.some((line) => line.some(([at], i) => i > 0 && line[i - 1]![0] === at))
  const notes = [
    points.length === 0 && 'there is no number to draw',
    skipped > 0 && `${skipped.toLocaleString('en')} values that are no numbers are left out`,
    kept.length > SERIES && `the first ${SERIES} of ${kept.length} lines`,
    repeats && `some ${xLabel} have several values; { by: column } draws a line for each value of a column`,
  ].filter((note) => note !== false)
  return new Chart({
    ...{ title, width: 640, height: 300, content: html`${axes}${drawn}`, legend: names },
    words: `${kind === 'line' ? 'lines' : 'dots'} over ${xLabel}: ${names.map((name, i) => `${name} ${rangeText(series[i]!)}`).join('; ')}`,
    ...(notes.length > 0 && { note: notes.join('; ') }),
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

function metricNames(columns: Columns, { x, y }: PlotOptions, by: string | undefined): readonly string[] {
  if (y !== undefined) return [y].flat()
  return [...columns]
    .filter(([name, values]) => name !== x && name !== by && values.some((value) => Number.isFinite(numberOf(value))))
    .map(([name]) => name)
    .slice(0, SERIES)
}

/** The column by which metrics of a training tell its workers apart. */
const MEMBER = 'member'

function membersIn(columns: Columns, { x, y }: PlotOptions, kind: 'line' | 'point'): string | undefined {
  return kind === 'line' && x !== undefined && ![x, y].flat().includes(MEMBER) && columns.has(MEMBER)
    ? MEMBER
    : undefined
}

/** The points of each value of a column, in the order of the values. */
function splitBy(
  by: string,
  keys: readonly unknown[],
  points: readonly Point[],
  metric: string,
  metrics: number,
): Series[] {
  const lines = new Map<string, Point[]>()
  for (const [i, point] of points.entries()) {
    const key = String(keys[i])
    const line = lines.get(key) ?? []
    lines.set(key, line)
    line.push(point)
  }
  const isOne = lines.size === 1
  const told = [...lines].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
  return told.map(([key, own]) => {
    const name = isOne ? metric : metrics === 1 ? `${by} ${key}` : `${metric}, ${by} ${key}`
    return { name, points: own }
  })
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
