import { place, ticksOf, widened } from './axes.ts'
import { html, type Markup } from './markup.ts'

/** A line of a chart. */
export interface Line {
  readonly label: string
  /** Which of the palette's colours, from 0. */
  readonly colour: number
  /** `dots`: with a dot at each point; `faint`: one of many. */
  readonly kind: 'line' | 'dots' | 'faint'
  /** By x. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 720
const HEIGHT = 250
const LEFT = 58
const RIGHT = 26
const TOP = 10
const BOTTOM = 30

/** Lines over a common x axis, as an SVG that needs nothing else; `undefined` when there is no point. */
export function lineChart(lines: readonly Line[], xLabel: string, format: (y: number) => string): Markup | undefined {
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return undefined
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [minX, maxX] = widened(xs)
  const ticksY = ticksOf(...widened(ys))
  const [minY, maxY] = [ticksY[0]!, ticksY.at(-1)!]
  const x = (value: number) => LEFT + ((value - minX) / (maxX - minX)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number) => HEIGHT - BOTTOM - ((value - minY) / (maxY - minY)) * (HEIGHT - TOP - BOTTOM)
  const ticksX = ticksOf(minX, maxX).filter((tick) => tick >= minX && tick <= maxX)
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${lines.map(({ label }) => label).join(', ')}">
${ticksY.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${place(y(tick))}" y2="${place(y(tick))}"/><text x="${LEFT - 6}" y="${place(y(tick) + 4)}" text-anchor="end">${format(tick)}</text> `)}
${ticksX.map((tick) => html`<text x="${place(x(tick))}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tick.toLocaleString('en')}</text> `)}
<text x="${WIDTH - RIGHT}" y="${HEIGHT - 2}" text-anchor="end">${xLabel}</text>
${lines.map((line) => drawn(line, x, y))}
</svg>
<p class="legend">${lines.map(({ label, colour }) => html`<span class="c${colour % 8}">${label}</span> `)}</p>`
}

function drawn({ points, kind, colour }: Line, x: (value: number) => number, y: (value: number) => number): Markup {
  const path = points.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${place(x(a))} ${place(y(b))}`).join('')
  const dots = kind === 'dots' ? points : points.length === 1 ? points : []
  return html`<g class="c${colour % 8}"><path class="${kind}" d="${path}"/>${dots.map(([a, b]) => html`<circle cx="${place(x(a))}" cy="${place(y(b))}" r="3"/>`)}</g>`
}
