import { REDACTED, secretSpans } from '../../runtime/base/secrets.ts'

/** As much as tells a secret by its beginning. */
const CONTEXT_CHARACTERS = 4_096
/** As much as the longest secret that comes in pieces: an RSA key of 16,384 bits in PEM has 12,700. */
const SECRET_CHARACTERS = 32_768
/** What stands before a secret and tells it: its name. */
const NAME_CHARACTERS = 128

/**
 * The text of one stream as it may stay in a notebook: without secrets that can be told by how they look, also where one came in
 * several pieces.
 */
export class CoveredStream {
  /** What came last, secrets and all. */
  #context = ''
  /** Whether that ends in a secret, which has its word. */
  #isOpen = false

  /** The next piece of text, covered. */
  next(text: string): string {
    const from = this.#context.length
    const all = this.#context + text
    const spans = secretSpans(all)
    const last = spans.at(-1)
    const wasOpen = this.#isOpen
    this.#isOpen = last !== undefined && all.slice(last.end).trim() === ''
    const fromName = last && this.#isOpen ? all.length - last.start + NAME_CHARACTERS : 0
    this.#context = all.slice(-Math.max(CONTEXT_CHARACTERS, Math.min(fromName, SECRET_CHARACTERS)))
    let [covered, at] = ['', from]
    for (const { start, end } of spans) {
      if (end <= from) continue
      covered += all.slice(at, Math.max(start, at)) + (start >= from || !wasOpen ? REDACTED : '')
      at = end
    }
    return covered + all.slice(at)
  }
}
