import { limit } from '../../runtime/base/limits.ts'
import type { HistoryRequest } from './requests.ts'

/** The only session that a kernel knows: its own. */
const SESSION = 1

interface Entry {
  readonly number: number
  readonly code: string
  /** Its result as text, where it had one. */
  result: string | null
}

/** A cell as a `history_reply` lists it: session, number, and its code, alone or with its result. */
export type HistoryItem = readonly [session: number, number: number, cell: string | readonly [string, string | null]]

/** What was run since the kernel started; the oldest cells go when they are too many or too long. */
export class History {
  readonly #entries: Entry[] = []
  #characters = 0

  add(number: number, code: string): void {
    this.#entries.push({ number, code, result: null })
    this.#characters += code.length
    this.#trim()
  }

  /** Says what the cell that was added last came to. */
  setResult(result: string): void {
    const entry = this.#entries.at(-1)
    if (!entry) return
    entry.result = result
    this.#characters += result.length
    this.#trim()
  }

  /** The cells that are asked for, oldest first. */
  find(request: HistoryRequest): HistoryItem[] {
    return this.#pick(request).map(({ number, code, result }) => [
      SESSION,
      number,
      request.output ? [code, result] : code,
    ])
  }

  #pick({ hist_access_type, session, start, stop, n, pattern, unique }: HistoryRequest): readonly Entry[] {
    if (hist_access_type === 'tail') return last(this.#entries, n)
    if (hist_access_type === 'search') {
      const found = this.#entries.filter(({ code }) => matches(code, pattern ?? '*'))
      return last(unique ? distinct(found) : found, n)
    }
    if ((session ?? 0) !== 0 && session !== SESSION) return [] // 0: this one, as IPython has it
    const end = stop ?? Number.POSITIVE_INFINITY
    return this.#entries.filter(({ number }) => number >= (start ?? 0) && number < end)
  }

  #trim(): void {
    while (
      this.#entries.length > limit('kernelHistoryCells') ||
      (this.#characters > limit('kernelHistoryCharacters') && this.#entries.length > 0)
    ) {
      const { code, result } = this.#entries.shift()!
      this.#characters -= code.length + (result?.length ?? 0)
    }
  }
}

function last(entries: readonly Entry[], count: number | null | undefined): readonly Entry[] {
  if (count === null || count === undefined) return entries
  return count === 0 ? [] : entries.slice(-count)
}

/** Of equal cells the latest. */
function distinct(entries: readonly Entry[]): Entry[] {
  const latest = new Map(entries.map((entry) => [entry.code, entry]))
  return entries.filter((entry) => latest.get(entry.code) === entry)
}

/** Whether the whole text fits a pattern with `*` and `?`, in time that grows with the product of their lengths. */
function matches(text: string, pattern: string): boolean {
  let [at, star, starText] = [0, -1, 0]
  let inText = 0
  while (inText < text.length) {
    if (pattern[at] === '*') {
      star = at++
      starText = inText
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[inText])) {
      at++
      inText++
    } else if (star >= 0) {
      at = star + 1
      inText = ++starText
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
