import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../runtime/base/index.ts'
import type { Cell } from '../../cell.ts'
import type { JobNews } from '../../job-news.ts'
import type { MimeBundle } from '../mime-bundle.ts'
import { jobHtml } from './html.ts'
import { beginJobView, foldNews, type JobView } from './job-view.ts'
import { jobText } from './text.ts'

/** A view is drawn anew at most this often: five times a second are seen as motion. */
const DRAW_MS = 200
/** While nothing happens, its times go on this often. */
const IDLE_DRAW_MS = 2_000

/** What a live view is made from. */
export interface LiveJobInit {
  /** Where it is shown, and updated in place. */
  readonly cell: Pick<Cell, 'put'>
  readonly clock: Clock
}

/**
 * A job in a cell, updated in place: a driver of {@link foldNews}. However much news comes, it is drawn five times a second at
 * most, and what it showed last is the last state.
 */
export class LiveJob {
  /** By which other cells' outputs could be told to be the same. */
  readonly displayId = `aivida-job-${randomUUID()}`
  readonly view: JobView = beginJobView()
  readonly #cell: Pick<Cell, 'put'>
  readonly #clock: Clock
  #drawnMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined
  #dueMs = 0
  #shown = ''
  #isLast = false
  #ended = false

  constructor({ cell, clock }: LiveJobInit) {
    this.#cell = cell
    this.#clock = clock
  }

  /** Shows what is known so far; does nothing when it is shown already. */
  begin(): void {
    if (this.#shown === '') this.#draw()
  }

  /** Takes news in, and shows it soon. */
  hear(news: JobNews): void {
    if (this.#ended) return
    foldNews(this.view, news)
    this.#soon(DRAW_MS)
  }

  /** Shows the last state, and is still from then on. */
  end(): void {
    if (this.#ended) return
    this.#isLast = true
    this.#draw()
    this.#ended = true
    this.#cancel?.()
  }

  /** Hears all news, then ends. Throws what the news throws, after having shown what it had heard. */
  async follow(news: AsyncIterable<JobNews>): Promise<JobView> {
    this.begin()
    try {
      for await (const each of news) this.hear(each)
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
    const isLive = !this.#isLast && !this.view.failure && (this.view.status?.state ?? 'running') === 'running'
    const text = `${isLive}${JSON.stringify(bundle)}`
    if (text !== this.#shown) {
      const { displayId } = this
      this.#cell.put({ type: this.#shown === '' ? 'display' : 'update', bundle, displayId, isLive })
      this.#shown = text
    }
    if (!this.#ended && !this.view.failure && this.view.status?.state === 'running') this.#soon(IDLE_DRAW_MS)
  }
}

/** A job at a moment of the wall clock, as a front end shows it. */
export function jobBundle(view: JobView, nowWallMs: number): MimeBundle {
  return { 'text/plain': jobText(view, nowWallMs), 'text/html': jobHtml(view, nowWallMs) }
}
