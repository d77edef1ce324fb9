import { place, ticksOf } from '../../../runtime/node/record/report/axes.ts'
import { html, type Markup } from '../../../runtime/node/record/report/markup.ts'
import { numberText } from '../arrow-cell.ts'
import { covered } from '../covered.ts'
import { DISPLAY, type Displayable, type MimeBundle } from '../mime-bundle.ts'
import { page, UNSTYLED } from '../page.ts'
import { brief, plain } from '../plain.ts'

/** Middle tones that stand out from light and dark paper: see `page.ts`. */
export const PALETTE = ['#2b8cc4', '#db6b1e', '#16a07a', '#c76a9f', '#a68a1c', '#5a7fd6', '#868686', '#9a6bd0'] as const

/** A drawing, and what else is said of it. */
export interface Drawing {
  readonly title: string
  readonly width: number
  readonly height: number
  readonly content: Markup
  readonly legend: readonly string[]
  /** The same in words. */
  readonly words: string
  readonly note?: string
  /** The same as a Vega-Lite 5 specification, without `$schema`. */
  readonly spec: object
}

/** A chart: shown when a cell ends with it, or by `display(chart)`. */
export class Chart implements Displayable {
  readonly #drawing: Drawing

  constructor(drawing: Drawing) {
    this.#drawing = drawing
  }

  /** As an SVG file of its own. */
  get svg(): string {
    const { width, height, content, title } = this.#drawing
    return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" color="#7d8590" role="img" aria-label="${title}"><style>text{fill:currentColor;font:11px system-ui,sans-serif}.grid{stroke:#8884}</style>${content}</svg>`
      .text
  }

  /** As a Vega-Lite 5 specification. */
  get vegalite(): object {
    const { spec, title } = this.#drawing
    const text = {
      $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
      width: 560,
      ...(title !== '' && { title }),
    }
    return { ...text, ...spec }
  }

  /** For front ends, the richest form first that they know. */
  [DISPLAY](): MimeBundle {
    const { title, width, height, content, legend, note, words } = this.#drawing
    const markup = html`${title !== '' && html`<p><b>${title}</b></p>`}<div class="wide"><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title || words}">${content}</svg></div>${UNSTYLED}${
      legend.length > 1 &&
      html`<p class="legend">${legend.map((name, i) => html`<span class="c${i % PALETTE.length}">${name}</span> `)}</p>`
    }${note !== undefined && html`<p class="soft">${note}</p>`}`
    return covered({
      'text/plain': plain(`${title === '' ? '' : `${title}: `}${words}`, 2_000),
      'text/html': page(markup),
      'image/svg+xml': this.svg,
      'application/vnd.vegalite.v5+json': this.vegalite,
    })
  }
}

/** Where things stand in a drawing with two axes. */
export interface Frame {
  readonly x: (value: number) => number
  readonly y: (value: number) => number
  readonly axes: Markup
  readonly bottom: number
}

/** What a {@link Frame} is made for. */
export interface FrameInit {
  readonly xRange: readonly [number, number]
  readonly yRange: readonly [number, number]
  readonly xLabel: string
  readonly yLabel: string
  /** Instead of numbers below the x axis: texts and where they stand. */
  readonly xTexts?: readonly (readonly [at: number, text: string])[]
}

/** Of a chart, pixels. */
export const WIDTH = 640
/** See {@link WIDTH}. */
export const HEIGHT = 300
const LEFT = 64
const RIGHT = 26
const TOP = 22
const BOTTOM = 40

/** Axes with round numbers around what is drawn. */
export function frame({ xRange, yRange, xLabel, yLabel, xTexts }: FrameInit): Frame {
  const [minX, maxX] = xRange
  const yTicks = ticksOf(...yRange)
  const [minY, maxY] = [yTicks[0]!, yTicks.at(-1)!]
  const bottom = HEIGHT - BOTTOM
  const x = (value: number) => LEFT + ((value - minX) / (maxX - minX)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number) => bottom - ((value - minY) / (maxY - minY)) * (bottom - TOP)
  const xTicks =
    xTexts ??
    ticksOf(minX, maxX)
      .filter((tick) => tick >= minX && tick <= maxX)
      .map((tick) => [tick, numberText(tick)] as const)
  const axes = html`${yTicks.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${place(y(tick))}" y2="${place(y(tick))}"/><text x="${LEFT - 6}" y="${place(y(tick) + 4)}" text-anchor="end">${numberText(tick)}</text> `)}${xTicks.map(([at, text]) => html`<text x="${place(x(at))}" y="${bottom + 16}" text-anchor="middle">${brief(text, 14)}</text> `)}<text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${brief(xLabel, 60)}</text><text x="${LEFT - 6}" y="12" text-anchor="start">${brief(yLabel, 60)}</text>`
  return { x, y, axes, bottom }
}
