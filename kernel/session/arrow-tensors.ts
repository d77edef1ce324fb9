import type { Data, Field, Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import { nearest } from '../../runtime/base/nearest.ts'
import { columnRows, columnType } from '../../runtime/data/sources/arrow-column.ts'
import { concatRows, type NamedTensors, type Tensor } from '../../runtime/data/tensor/index.ts'

/**
 * Columns of an Arrow table as tensors of `[rows, ...]`, over the table's memory where it is in one piece. `columns`: which;
 * default: all that a tensor can hold. Throws `input.column` for one that is not there or holds what no tensor does (dates,
 * structs), `source.missing-value` for a null, `source.shape` for lists of different lengths.
 */
export function tensorsOfTable(table: Table, columns?: readonly string[]): NamedTensors {
  const fields = columns ? columns.map((name) => fieldOf(table, name)) : table.schema.fields.filter(isTensor)
  return Object.fromEntries(fields.map((field) => [field.name, columnOf(table, field)]))
}

/** Whether a tensor can hold this column. */
export function isTensor(field: Field): boolean {
  return columnType(field).dtype !== undefined
}

function fieldOf(table: Table, name: string): Field {
  const names = table.schema.fields.map((field) => field.name)
  const field = table.schema.fields[names.indexOf(name)]
  if (!field) {
    const near = nearest(name, names)
    const hint = near === undefined ? `it has ${names.join(', ')}` : `did you mean ${near}?`
    throw userError('input.column', `the table has no column ${name}; ${hint}`, { column: name })
  }
  if (!isTensor(field))
    throw userError('input.column', `column ${name} holds ${field.type}, which is no tensor; cast or drop it before`, {
      column: name,
    })
  return field
}

function columnOf(table: Table, field: Field): Tensor {
  const vector = table.getChild(field.name)
  const pieces: readonly Data[] = vector?.data ?? []
  let firstRow = 0
  const tensors = pieces.map((piece) => {
    const tensor = columnRows(field, piece, 0, piece.length, firstRow)
    firstRow += piece.length
    return tensor
  })
  const { dtype, rowShape = [] } = columnType(field)
  const [first = { dtype: dtype!, shape: [0, ...rowShape], data: new Uint8Array() }] = tensors
  return tensors.length <= 1 ? first : concatRows(tensors)
}

/** Whether a table can go to a model as it is: it has the columns that the model asks for, in their types. */
export function fits({ schema }: Table, inputs: readonly { readonly name: string; readonly dtype: string }[]): boolean {
  return inputs.every(({ name, dtype }) => {
    const field = schema.fields.find((each) => each.name === name)
    return field !== undefined && columnType(field).dtype === dtype
  })
}
