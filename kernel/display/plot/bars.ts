import { place, widened } from '../../../runtime/node/record/report/axes.ts'
import { html } from '../../../runtime/node/record/report/markup.ts'
import { numberText } from '../arrow-cell.ts'
import { brief } from '../plain.ts'
import { Chart, frame, PALETTE } from './chart.ts'
import { column, columnsOf, numberOf, type PlotData } from './columns.ts'
import type { PlotOptions } from './lines.ts'

const BARS = 60

/** A bar for each row: `x` names them, `y` is their height. */
export function barChart(data: PlotData, options: PlotOptions): Chart {
  const columns = columnsOf(data)
  const y = [
    options.y ??
      [...columns].find(
        ([name, values]) => name !== options.x && values.some((value) => Number.isFinite(numberOf(value))),
      )?.[0] ??
      'value',
  ].flat()[0]!
  const x = options.x ?? [...columns.keys()].find((name) => name !== y)
  const heights = column(columns, y).map(numberOf)
  const texts = x === undefined ? heights.map((_, i) => String(i)) : column(columns, x).map(String)
  const bars = heights.slice(0, BARS).map((height, i) => [i, i + 1, Number.isFinite(height) ? height : 0] as const)
  const every = Math.ceil(bars.length / 16)
  return barsChart({
    ...{ bars, title: options.title ?? '', xLabel: options.xLabel ?? x ?? '', yLabel: options.yLabel ?? y },
    xTexts: bars.flatMap(([from], i) => (i % every === 0 ? [[from + 0.5, brief(texts[i]!, 24)] as const] : [])),
    words: `bars: ${texts
      .slice(0, 12)
      .map((text, i) => `${brief(text, 24)} ${numberText(heights[i]!)}`)
      .join(', ')}${texts.length > 12 ? ', ...' : ''}`,
    ...(heights.length > BARS && { note: `the first ${BARS} of ${heights.length.toLocaleString('en')} rows` }),
    gap: 0.15,
    spec: {
      data: { values: bars.map(([, , height], i) => ({ x: texts[i], y: height })) },
      mark: 'bar',
      encoding: {
        x: { field: 'x', type: 'nominal', sort: null, title: x ?? null },
        y: { field: 'y', type: 'quantitative', title: y },
      },
    },
  })
}

/** How often values fall into stretches of equal width. */
export function histogramChart(data: PlotData, { bins, ...options }: PlotOptions & { readonly bins?: number }): Chart {
  const columns = columnsOf(data)
  const x =
    options.x ??
    [...columns].find(([, values]) => values.some((value) => Number.isFinite(numberOf(value))))?.[0] ??
    'value'
  const values = column(columns, x).map(numberOf)
  const finite = values.filter(Number.isFinite)
  const [least, most] = finite.length === 0 ? [0, 1] : widened(finite)
  const count = Math.min(
    200,
    Math.max(1, Math.floor(bins ?? Math.min(50, Math.max(5, 1 + Math.log2(finite.length + 1) * 2)))),
  ) // after Sturges (1926), twice as fine
  const heights = new Array<number>(count).fill(0)
  for (const value of finite) heights[Math.min(count - 1, Math.floor(((value - least) / (most - least)) * count))]!++
  const width = (most - least) / count
  const bars = heights.map((height, i) => [least + i * width, least + (i + 1) * width, height] as const)
  const skipped = values.length - finite.length
  return barsChart({
    ...{ bars, title: options.title ?? '', xLabel: options.xLabel ?? x, yLabel: options.yLabel ?? 'how many' },
    words: `histogram of ${finite.length.toLocaleString('en')} values of ${x}, ${numberText(least)} to ${numberText(most)}: ${heights.join(' ')}`,
    ...(skipped > 0 && { note: `${skipped.toLocaleString('en')} values that are no numbers are left out` }),
    gap: 0.03,
    spec: {
      data: { values: bars.map(([from, to, height]) => ({ from, to, height })) },
      mark: 'bar',
      encoding: {
        x: { field: 'from', bin: { binned: true }, title: x },
        x2: { field: 'to' },
        y: { field: 'height', type: 'quantitative', title: 'how many' },
      },
    },
  })
}

interface Bars {
  readonly bars: readonly (readonly [from: number, to: number, height: number])[]
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xTexts?: readonly (readonly [at: number, text: string])[]
  readonly words: string
  readonly note?: string
  /** Of a bar's width. */
  readonly gap: number
  readonly spec: object
}

function barsChart({ bars, title, xLabel, yLabel, xTexts, words, note, gap, spec }: Bars): Chart {
  const { x, y, axes } = frame({
    xRange: [bars[0]?.[0] ?? 0, bars.at(-1)?.[1] ?? 1],
    yRange: widened([0, ...bars.map(([, , height]) => height)]),
    ...{ xLabel, yLabel, ...(xTexts && { xTexts }) },
  })
  const drawn = bars.map(([from, to, height]) => {
    const inset = ((x(to) - x(from)) * gap) / 2
    const [top, bottom] = height >= 0 ? [y(height), y(0)] : [y(0), y(height)]
    return html`<rect x="${place(x(from) + inset)}" y="${place(top)}" width="${place(Math.max(0.5, x(to) - x(from) - 2 * inset))}" height="${place(bottom - top)}"/>`
  })
  const content = html`${axes}<g fill="${PALETTE[0]}">${drawn}</g>`
  return new Chart({
    ...{ title, width: 640, height: 300, content, legend: [], words, spec },
    ...(note !== undefined && { note }),
  })
}
