import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../runtime/base/index.ts'
import type { NodeEvent } from '../../../runtime/protocol/index.ts'
import type { Cell } from '../../cell.ts'
import type { MimeBundle } from '../mime-bundle.ts'
import { jobHtml } from './html.ts'
import { beginJobView, foldEvent, type JobView, type JobViewInit } from './job-view.ts'
import { jobText } from './text.ts'

/** A view is drawn anew at most this often: five times a second are seen as motion. */
const DRAW_MS = 200
/** While nothing happens, its times go on this often. */
const IDLE_DRAW_MS = 2_000

/** What a live view is made from. */
export interface LiveJobInit extends JobViewInit {
  /** Where it is shown, and updated in place. */
  readonly cell: Pick<Cell, 'put'>
  readonly clock: Clock
}

/**
 * A job in a cell, updated in place: a driver of {@link foldEvent}. However many events come, it is drawn five times a second at
 * most, and what it showed last is the last state.
 */
export class LiveJob {
  /** By which other cells' outputs could be told to be the same. */
  readonly displayId = `aivida-job-${randomUUID()}`
  readonly view: JobView
  readonly #cell: Pick<Cell, 'put'>
  readonly #clock: Clock
  #drawnMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined
  #dueMs = 0
  #shown = ''
  #ended = false

  constructor({ cell, clock, ...init }: LiveJobInit) {
    this.view = beginJobView(init)
    this.#cell = cell
    this.#clock = clock
  }

  /** Shows what is known so far; does nothing when it is shown already. */
  begin(): void {
    if (this.#shown === '') this.#draw()
  }

  /** Takes an event in, and shows it soon. */
  hear(event: NodeEvent): void {
    if (this.#ended) return
    foldEvent(this.view, event)
    this.#soon(DRAW_MS)
  }

  /** Shows the last state, and is still from then on. */
  end(): void {
    if (this.#ended) return
    this.#draw()
    this.#ended = true
    this.#cancel?.()
  }

  /** Hears all events, then ends. Throws what the events throw, after having shown what it had heard. */
  async follow(events: AsyncIterable<NodeEvent>): Promise<JobView> {
    this.begin()
    try {
      for await (const event of events) this.hear(event)
    } finally {
      this.end()
    }
    return this.view
  }

  #soon(delayMs: number): void {
    const dueMs = this.#drawnMs + delayMs
    if (this.#cancel && this.#dueMs <= dueMs) return
    this.#cancel?.()
    const leftMs = dueMs - this.#clock.monoMs()
    this.#dueMs = dueMs
    this.#cancel = leftMs > 0 ? this.#clock.after(leftMs, () => this.#draw()) : undefined
    if (leftMs <= 0) this.#draw()
  }

  #draw(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#drawnMs = this.#clock.monoMs()
    const bundle = jobBundle(this.view, this.#clock.wallMs())
    const text = JSON.stringify(bundle)
    if (text !== this.#shown) {
      const { displayId } = this
      this.#cell.put({ type: this.#shown === '' ? 'display' : 'update', bundle, displayId })
      this.#shown = text
    }
    if (this.view.status?.state === 'running' && !this.#ended) this.#soon(IDLE_DRAW_MS)
  }
}

/** A job at a moment of the wall clock, as a front end shows it. */
export function jobBundle(view: JobView, nowWallMs: number): MimeBundle {
  return { 'text/plain': jobText(view, nowWallMs), 'text/html': jobHtml(view, nowWallMs) }
}
