import { userError } from '../../../runtime/base/errors.ts'
import { place } from '../../../runtime/node/record/report/axes.ts'
import { html } from '../../../runtime/node/record/report/markup.ts'
import { numberText } from '../arrow-cell.ts'
import { aligned, brief } from '../plain.ts'
import { elementsOf } from '../tensor-view.ts'
import { Chart } from './chart.ts'
import { numberOf, valuesOf } from './columns.ts'

/** How a matrix is drawn. */
export interface MatrixOptions {
  /** Stands above it. Default: none. */
  readonly title?: string
  /** Names of the rows ... */
  readonly rows?: readonly unknown[]
  /** ... and of the columns. Default: their numbers. */
  readonly columns?: readonly unknown[]
  /** Stands below the axis. Default: the name of the column, where there is one. */
  readonly xLabel?: string
  /** As `xLabel`, beside the axis. */
  readonly yLabel?: string
}

const LEFT = 74
const TOP = 34
const SIDE = 460
const CELLS = 40_000
/** Cells across up to which each says its number. */
const NUMBERED = 16
const TEXT_CELLS = 16
/** White stands out from it. */
const FILL = '#1f6fa3'
/** Cells that are filled from here on have white numbers, those below the colour of text. */
const STRONG = 0.5

/** How strongly a cell with a number is filled: nothing between, where neither white nor dark numbers could be read on every paper. */
function strength(share: number): number {
  return share > STRONG ? 0.88 + 0.12 * ((share - STRONG) / (1 - STRONG)) : 0.06 + 0.39 * (share / STRONG)
}

/** A matrix as a heat map: a tensor of two dimensions, or rows of numbers. Throws `plot.data`. */
export function heatmapChart(data: unknown, options: MatrixOptions): Chart {
  const rows = matrixOf(data)
  const [height, width] = [rows.length, rows[0]?.length ?? 0]
  if (height * width === 0 || height * width > CELLS)
    throw userError('plot.data', `expected a matrix of 1 to ${CELLS} cells, found ${height} x ${width}; pool it first`)
  const all = rows.flat().filter(Number.isFinite)
  const [least, most] = [
    all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ]
  const size = Math.min(40, SIDE / Math.max(height, width))
  const [w, h] = [LEFT + width * size + 10, TOP + height * size + 10]
  const share = (value: number) => (Number.isFinite(value) ? (most > least ? (value - least) / (most - least) : 1) : 0)
  const isNumbered = Math.max(width, height) <= NUMBERED
  const name = (names: readonly unknown[] | undefined, i: number) => brief(String(names?.[i] ?? i), 9)
  const every = (count: number) => Math.max(1, Math.ceil((count * 22) / Math.max(22, count * size)))
  const content = html`${rows.map((row, y) =>
    row.map((value, x) => {
      const at = [LEFT + x * size, TOP + y * size] as const
      const words =
        isNumbered &&
        html`<text x="${place(at[0] + size / 2)}" y="${place(at[1] + size / 2 + 4)}" text-anchor="middle" style="fill:${share(value) > STRONG ? '#fff' : 'currentColor'};opacity:1">${shortNumber(value)}</text> `
      return html`<rect x="${place(at[0])}" y="${place(at[1])}" width="${place(Math.max(0.5, size - 1))}" height="${place(Math.max(0.5, size - 1))}" fill="${FILL}" fill-opacity="${(isNumbered ? strength(share(value)) : 0.06 + 0.94 * share(value)).toFixed(3)}">${!isNumbered && html`<title>${name(options.rows, y)}, ${name(options.columns, x)}: ${numberText(value)}</title>`}</rect>${words}`
    }),
  )}${rows.map((_, y) => y % every(height) === 0 && html`<text x="${LEFT - 6}" y="${place(TOP + y * size + size / 2 + 4)}" text-anchor="end">${name(options.rows, y)}</text> `)}${rows[0]!.map((_, x) => x % every(width) === 0 && html`<text x="${place(LEFT + x * size + size / 2)}" y="${TOP - 6}" text-anchor="middle">${name(options.columns, x)}</text> `)}<text x="${LEFT}" y="12">${brief(options.xLabel ?? '', 40)}</text><text x="4" y="${TOP - 6}">${brief(options.yLabel ?? '', 12)}</text>`
  const table = rows
    .slice(0, TEXT_CELLS)
    .map((row, y) => [name(options.rows, y), ...row.slice(0, TEXT_CELLS).map(shortNumber)])
  const heading = ['', ...rows[0]!.slice(0, TEXT_CELLS).map((_, x) => name(options.columns, x))]
  return new Chart({
    ...{ title: options.title ?? '', width: Math.ceil(w), height: Math.ceil(h), content, legend: [] },
    words: `${height} × ${width}, ${numberText(least)} to ${numberText(most)}\n${aligned(
      [heading, ...table],
      heading.map(() => true),
    )}`,
    spec: {
      data: {
        values: rows.flatMap((row, y) =>
          row.map((value, x) => ({ x: name(options.columns, x), y: name(options.rows, y), value })),
        ),
      },
      mark: 'rect',
      encoding: {
        x: { field: 'x', type: 'ordinal', sort: null, title: options.xLabel ?? null },
        y: { field: 'y', type: 'ordinal', sort: null, title: options.yLabel ?? null },
        color: { field: 'value', type: 'quantitative' },
      },
    },
  })
}

/**
 * How often a class was taken for which: a row for each true class, a column for each that was said. `labels`: the classes, in
 * order, of which values are indices; default: those that occur, sorted. Throws `plot.data`.
 */
export function confusionChart(
  actual: unknown,
  predicted: unknown,
  { labels, ...options }: Pick<MatrixOptions, 'title'> & { readonly labels?: readonly unknown[] },
): Chart {
  const [truth, said] = [valuesOf(actual), valuesOf(predicted)]
  if (!truth || !said || truth.length !== said.length)
    throw userError(
      'plot.data',
      `expected as many true classes as predicted ones, found ${truth?.length} and ${said?.length}`,
    )
  const found = [...new Set([...truth, ...said].map(String))].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1))
  const byIndex = labels && found.every((text) => /^\d+$/.test(text) && Number(text) < labels.length)
  const classes = byIndex ? labels.map((_, i) => String(i)) : (labels?.map(String) ?? found)
  const place = new Map(classes.map((text, i) => [text, i]))
  const counts = classes.map(() => new Array<number>(classes.length).fill(0))
  let right = 0
  for (const [i, value] of truth.entries()) {
    const [row, col] = [place.get(String(value)), place.get(String(said[i]))]
    if (row === undefined || col === undefined)
      throw userError('plot.data', `${row === undefined ? value : said[i]} is none of the labels`)
    counts[row]![col]!++
    if (row === col) right++
  }
  const names = labels ?? classes
  const title =
    options.title ??
    `${((100 * right) / Math.max(1, truth.length)).toFixed(2)} % of ${truth.length.toLocaleString('en')} are right`
  return heatmapChart(counts, { title, rows: names, columns: names, xLabel: 'predicted', yLabel: 'true' })
}

function matrixOf(data: unknown): number[][] {
  const elements = typeof data === 'object' && data !== null && !Array.isArray(data) ? elementsOf(data) : undefined
  if (elements?.shape.length === 2) {
    const [height = 0, width = 0] = elements.shape
    return Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => numberOf(elements.values[y * width + x])),
    )
  }
  const rows = Array.isArray(data) ? data.map((row) => valuesOf(row)?.map(numberOf)) : []
  if (rows.length === 0 || rows.some((row) => row?.length !== rows[0]?.length))
    throw userError('plot.data', 'expected a tensor of two dimensions, or rows of equal length')
  return rows as number[][]
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : Number.isFinite(value) ? String(Number(value.toPrecision(2))) : '-'
}
