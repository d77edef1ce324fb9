import { randomUUID } from 'node:crypto'
import { isPromise } from 'node:util/types'
import { redactedText } from '../../runtime/base/secrets.ts'
import { type Cell, currentCell } from '../cell.ts'
import { bundleOf } from './bundle.ts'
import { covered } from './covered.ts'
import { type ImagesOptions, imagesBundle } from './images.ts'
import { inspected } from './inspected.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { brief, plain } from './plain.ts'

/** Something that is shown, and can be shown anew in its place. */
export interface DisplayHandle {
  readonly id: string
  /** Shows another value in its place, in whichever cell that is. */
  update(value: unknown): void
}

/** Shows values in the cell that calls it, as many as one likes; each call gives a handle that can update what it showed. */
export interface Display {
  /** Any value, as a cell's last expression is shown. */
  (value: unknown): DisplayHandle
  /** HTML of your own. Text of others in it is for you to escape. */
  html(markup: string): DisplayHandle
  /** Markdown, as front ends render it; HTML in it is left out by most. */
  markdown(text: string): DisplayHandle
  /** An SVG picture, as a picture: scripts in it do not run. */
  svg(picture: string): DisplayHandle
  /** A tree to be folded, where the front end has one. */
  json(value: unknown): DisplayHandle
  /** A Vega-Lite 5 specification. JupyterLab draws it; the classic notebook shows its text. */
  vegalite(spec: object): DisplayHandle
  /**
   * Images of a tensor: `[images, height, width]`, with channels (1, 3 or 4) behind or before height and width or without. Bytes
   * are shown as they are, other numbers from 0 to 1. Throws `display.images`.
   */
  images(tensor: unknown, options?: ImagesOptions): DisplayHandle
  /** Takes away what the cell has put out. `wait`: when it puts out something else, so that nothing flickers. Default: at once. */
  clear(options?: { readonly wait?: boolean }): void
}

/** See {@link Display}. Outside of all cells it writes the text to the standard output. */
export const display: Display = Object.assign((value: unknown) => shown(bundleOf(value)), {
  html: (markup: string) => shown(htmlBundle(markup)),
  markdown: (text: string) => shown(covered({ 'text/plain': text, 'text/markdown': text })),
  svg: (picture: string) => shown(covered({ 'text/plain': 'an SVG picture', 'image/svg+xml': picture })),
  json: (value: unknown) => shown(covered({ 'text/plain': inspected(value), 'application/json': value })),
  vegalite: (spec: object) => shown(vegaliteBundle(spec)),
  images: (tensor: unknown, options?: ImagesOptions) => shown(imagesBundle(tensor, options)),
  clear: ({ wait = false }: { readonly wait?: boolean } = {}) => currentCell()?.put({ type: 'clear', wait }),
})

/** Whether a value is what {@link display} gave: what it stands for is shown already. */
export function isDisplayHandle(value: unknown): value is DisplayHandle {
  return value instanceof Place
}

function shown(bundle: MimeBundle | Promise<MimeBundle>): DisplayHandle {
  const place = new Place(currentCell())
  place.show(bundle)
  return place
}

/** A place in a cell's output. */
class Place implements DisplayHandle {
  readonly id: string = randomUUID()
  readonly #cell: Cell | undefined
  /** So many times something was to be shown; what comes late of an earlier time is no longer wanted. */
  #turn = 0
  #isThere = false

  constructor(cell: Cell | undefined) {
    this.#cell = cell
  }

  update(value: unknown): void {
    this.show(bundleOf(value))
  }

  show(bundle: MimeBundle | Promise<MimeBundle>): void {
    const turn = ++this.#turn
    if (isPromise(bundle)) {
      if (!this.#isThere) this.#put({ 'text/plain': '...' }) // keeps its place in the order
      bundle.then((late) => turn === this.#turn && this.#put(late))
    } else this.#put(bundle)
  }

  #put(bundle: MimeBundle): void {
    const cell = this.#cell
    if (!cell) console.log(bundle['text/plain'])
    else if (this.#isThere) cell.put({ type: 'update', bundle, displayId: this.id })
    else cell.put({ type: 'display', bundle, displayId: this.id })
    this.#isThere = true
  }
}

function htmlBundle(markup: string): MimeBundle {
  const text = markup.slice(0, 100_000).replace(/<(script|style)\b[\s\S]*?<\/\1\s*>|<[^>]*>/gi, ' ')
  return covered({ 'text/plain': brief(text, 2_000).trim() || 'HTML', 'text/html': redactedText(markup) })
}

/** A Vega-Lite specification beside what its text says. */
export function vegaliteBundle(spec: object): MimeBundle {
  const { mark, title } = spec as { readonly mark?: unknown; readonly title?: unknown }
  const kind =
    typeof mark === 'string'
      ? mark
      : typeof (mark as { type?: unknown })?.type === 'string'
        ? (mark as { type: string }).type
        : 'chart'
  const text = plain(`a Vega-Lite ${kind}${typeof title === 'string' ? `: ${title}` : ''}`, 200)
  return covered({ 'text/plain': text, 'application/vnd.vegalite.v5+json': spec })
}
