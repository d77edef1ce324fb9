import { REDACTED, secretSpans } from '../../runtime/base/secrets.ts'

/** As much as the longest secret that is told by its beginning: a private key in PEM. */
const CONTEXT_CHARACTERS = 4_096

/**
 * The text of one stream as it may stay in a notebook: without secrets that can be told by how they look, also where one came in
 * several pieces.
 */
export class CoveredStream {
  /** What came last, secrets and all. */
  #context = ''

  /** The next piece of text, covered. */
  next(text: string): string {
    const from = this.#context.length
    const all = this.#context + text
    this.#context = all.slice(-CONTEXT_CHARACTERS)
    let [covered, at] = ['', from]
    for (const { start, end } of secretSpans(all)) {
      if (end <= from) continue
      // Of one that began in an earlier piece, that has its word for it already.
      covered += all.slice(at, Math.max(start, at)) + (start >= from ? REDACTED : '')
      at = end
    }
    return covered + all.slice(at)
  }
}
