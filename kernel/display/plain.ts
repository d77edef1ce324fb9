import { stripVTControlCharacters } from 'node:util'
import { redactedText } from '../../runtime/base/secrets.ts'

/** Characters that a text of a bundle has at most: a page of a notebook, not its whole file. */
export const TEXT_CHARACTERS = 16_000

/**
 * Text that only ever looks like what it is: no escape sequences, no control or bidirectional characters, whoever it is
 * from; no secret; and cut, with a word that says so.
 */
export function plain(text: string, most: number = TEXT_CHARACTERS): string {
  const whole = text.length > most ? cut(text, most) : text
  return redactedText(stripVTControlCharacters(whole)).replace(
    /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu,
    '\ufffd',
  )
}

/** A text's beginning, and how much is left. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text
  return `${text.slice(0, most)} ... ${(text.length - most).toLocaleString('en')} more characters`
}

/** A short text for a cell of a table: on one line, cut without a word. */
export function brief(text: string, most: number): string {
  const line = plain(text.slice(0, most + 1)).replace(/\s+/g, ' ')
  return text.length > most ? `${line.slice(0, most - 1)}…` : line
}

/** Rows of text in columns under their headings; `right` says which columns are aligned to the right. */
export function aligned(rows: readonly (readonly string[])[], right: readonly boolean[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows
    .map((row) =>
      widths
        .map((width, i) => (right[i] ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `1 row`, `1,234 rows` */
export function counted(value: number, what: string): string {
  return `${value.toLocaleString('en')} ${what}${value === 1 ? '' : 's'}`
}
