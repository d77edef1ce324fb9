import { html, type Markup } from '../../runtime/node/record/report/markup.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { page } from './page.ts'
import { aligned, brief, plain } from './plain.ts'

/** A cell of a {@link CardTable}: its text, or more about it. */
export type CardCell =
  | string
  | {
      readonly text: string
      readonly tone?: 'good' | 'bad' | 'warn' | 'soft'
      readonly title?: string
      /** A sentence, which takes the room that is left on as many lines as it needs. */
      readonly wraps?: boolean
    }

/** Things that the cluster has, a row each. */
export interface CardTable {
  readonly headings: readonly { readonly name: string; readonly right?: boolean }[]
  readonly rows: readonly (readonly CardCell[])[]
  /** Instead of a table without rows. */
  readonly empty: string
}

const ROWS = 50
const CHARACTERS = 60
const SENTENCE = 240

/** A table as text and as HTML. */
export function cardTableBundle(table: CardTable, title?: Markup | undefined): MimeBundle {
  return { 'text/plain': cardTableText(table), 'text/html': page(html`${title}${cardTableHtml(table)}`) }
}

/** See {@link cardTableBundle}. */
export function cardTableText({ headings, rows, empty }: CardTable): string {
  if (rows.length === 0) return empty
  const lines = rows.slice(0, ROWS).map((row) => row.map((cell) => brief(textOf(cell), CHARACTERS)))
  const left = rows.length > ROWS ? `\nand ${rows.length - ROWS} more` : ''
  const right = headings.map(({ right: isRight = false }) => isRight)
  return plain(aligned([headings.map(({ name }) => name), ...lines], right) + left)
}

/** See {@link cardTableBundle}. */
export function cardTableHtml({ headings, rows, empty }: CardTable): Markup {
  if (rows.length === 0) return html`<p class="soft">${empty}</p>`
  const side = (i: number) => (headings[i]?.right ? 'n' : '')
  return html`<div class="wide"><table><thead><tr>${headings.map(({ name }, i) => html`<th class="${side(i)}">${name}</th>`)}</tr></thead><tbody>${rows
    .slice(0, ROWS)
    .map(
      (row) =>
        html`<tr>${row.map((cell, i) => {
          const { tone = '', title, wraps = false } = typeof cell === 'string' ? {} : cell
          return html`<td class="${[side(i), tone, wraps ? 'why' : ''].filter(Boolean).join(' ')}" title="${title}">${brief(textOf(cell), wraps ? SENTENCE : CHARACTERS)}</td>`
        })}</tr>`,
    )}</tbody></table></div>${rows.length > ROWS && html`<p class="soft">and ${rows.length - ROWS} more</p>`}`
}

function textOf(cell: CardCell): string {
  return typeof cell === 'string' ? cell : cell.text
}
