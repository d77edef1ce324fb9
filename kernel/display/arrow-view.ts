import type { Table } from 'apache-arrow'
import { html } from '../../runtime/node/record/report/markup.ts'
import { type Cell, cellOf, isFloat, isNumeric, typeText } from './arrow-cell.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { page } from './page.ts'
import { aligned, brief, counted, plain } from './plain.ts'

const ROWS = 20
const COLUMNS = 30
const TEXT_ROWS = 10
const TEXT_COLUMNS = 10

/** Whether a value is an Arrow table, whichever copy of the package made it. */
export function isArrowTable(value: object): value is Table {
  return 'batches' in value && 'schema' in value && 'numRows' in value && 'getChildAt' in value
}

/** An Arrow table: names and types of its columns, its first rows, and how many there are. */
export function arrowTableBundle(table: Table): MimeBundle {
  const columns = columnsOf(table)
  const rows = Math.min(table.numRows, ROWS)
  const left = table.schema.fields.length - columns.length
  const size = `${counted(table.numRows, 'row')} × ${counted(table.schema.fields.length, 'column')}`
  const shape = `${size}${table.numRows > ROWS ? `, the first ${ROWS} shown` : ''}${left > 0 ? `, ${left} columns not shown` : ''}`
  const markup = html`<div class="wide"><table><thead><tr>${columns.map(
    ({ name, type, right }) => html`<th class="${right ? 'n' : ''}">${name} <small>${type}</small></th>`,
  )}</tr></thead><tbody>${Array.from(
    { length: rows },
    (_, row) =>
      html`<tr>${columns.map(({ cells, right }) => html`<td class="${right ? 'n' : ''}">${shown(cells[row]!)}</td>`)}</tr>`,
  )}</tbody></table></div><p class="soft">${shape}</p>`
  return { 'text/plain': plainTable(table, columns), 'text/html': page(markup) }
}

interface Column {
  readonly name: string
  readonly type: string
  readonly right: boolean
  readonly cells: readonly Cell[]
}

function columnsOf(table: Table): Column[] {
  return table.schema.fields.slice(0, COLUMNS).map((field, i) => {
    const vector = table.getChildAt(i)
    const cells = Array.from({ length: Math.min(table.numRows, ROWS) }, (_, row) =>
      cellOf(vector?.get(row), field.type),
    )
    const values = cells.map((_, row) => vector?.get(row))
    return {
      name: brief(field.name, 40),
      type: typeText(field.type),
      right: isNumeric(field.type),
      cells: isFloat(field.type) ? withEqualDecimals(cells, values) : cells,
    }
  })
}

/** More digits behind the point are left as they are: zeros of many small numbers tell nothing. */
const DECIMALS = 6

/**
 * Numbers with as many digits behind the point as the longest has, so that points stand below each other; as they are where one
 * is so large or small that it has an exponent.
 */
function withEqualDecimals(cells: readonly Cell[], values: readonly unknown[]): readonly Cell[] {
  const numbers = cells.flatMap(({ text }, i) => (Number.isFinite(values[i]) ? text : []))
  const decimals = Math.max(0, ...numbers.map((text) => text.split('.')[1]?.length ?? 0))
  if (decimals > DECIMALS || numbers.some((text) => text.includes('e'))) return cells
  return cells.map((cell, i) => {
    const value = values[i]
    return typeof value === 'number' && Number.isFinite(value) ? { ...cell, text: value.toFixed(decimals) } : cell
  })
}

function shown({ text, isNull }: Cell) {
  return isNull ? html`<i class="null">null</i>` : text
}

function plainTable(table: Table, all: readonly Column[]): string {
  const columns = all.slice(0, TEXT_COLUMNS)
  const rows = Math.min(table.numRows, TEXT_ROWS)
  const lines = [
    columns.map(({ name }) => name),
    columns.map(({ type }) => type),
    ...Array.from({ length: rows }, (_, row) => columns.map(({ cells }) => brief(cells[row]!.text, 30))),
  ]
  const left = table.schema.fields.length - columns.length
  const size = `${counted(table.numRows, 'row')} × ${counted(table.schema.fields.length, 'column')}${left > 0 ? ` (${left} not shown)` : ''}`
  return plain(
    `${aligned(
      lines,
      columns.map(({ right }) => right),
    )}\n${table.numRows > rows ? '...\n' : ''}${size}`,
  )
}
