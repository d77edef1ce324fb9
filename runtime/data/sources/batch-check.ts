import { type AividaError, userError } from '../../base/index.ts'
import { elementCount } from '../tensor/index.ts'
import { firstNotFinite } from './finite.ts'
import { describeSpec } from './signature.ts'
import type { Batch, SourceOptions } from './source.ts'

const DEFAULT_ROWS = 32

/** How many rows a batch has. Throws `source.shape` when the graph fixes another number, or an input has no rows. */
export function batchRows({ inputs, rowsPerBatch }: SourceOptions): number {
  for (const spec of inputs) {
    const fixed = spec.shape?.[0]
    if (spec.shape?.length === 0)
      throw userError('source.shape', `${describeSpec(spec)} has no axis for rows; make it a constant of the graph`)
    if (typeof fixed === 'number' && fixed !== (rowsPerBatch ?? fixed))
      throw userError(
        'source.shape',
        `${describeSpec(spec)} takes ${fixed} rows a run, not ${rowsPerBatch}; ask for batches of ${fixed}, ` +
          'or export the model with a symbolic batch',
        { input: spec.name, rows: fixed },
      )
  }
  return rowsPerBatch ?? fixedRows(inputs) ?? DEFAULT_ROWS
}

/** Refuses a source whose last batch would be smaller than a graph allows. Throws `source.shape`. */
export function checkRemainder(rows: number | undefined, { inputs }: SourceOptions): void {
  const fixed = fixedRows(inputs)
  if (rows !== undefined && fixed !== undefined && rows % fixed !== 0) throw remainder(rows % fixed, fixed)
}

/** Checks what can only be seen in a whole batch. Throws `source.not-finite`, `source.shape`. */
export function checkBatch({ firstRow, rows, tensors }: Batch, { inputs, finite = true }: SourceOptions): void {
  const fixed = fixedRows(inputs)
  if (fixed !== undefined && rows !== fixed) throw remainder(rows, fixed)
  if (!finite) return
  for (const [name, tensor] of Object.entries(tensors)) {
    const at = firstNotFinite(tensor)
    if (at === undefined) continue
    const row = firstRow + Math.floor(at / elementCount(tensor.shape.slice(1)))
    throw userError(
      'source.not-finite',
      `row ${row} of ${name} holds NaN or an infinity; clean the data, or allow them with finite: false`,
      { input: name, row },
    )
  }
}

function fixedRows(inputs: SourceOptions['inputs']): number | undefined {
  return inputs.map(({ shape }) => shape?.[0]).find((dimension) => typeof dimension === 'number')
}

function remainder(rows: number, fixed: number): AividaError {
  return userError(
    'source.shape',
    `the model takes ${fixed} rows a run, and ${rows} are left over at the end; drop or add rows, ` +
      'or export the model with a symbolic batch',
    { rows, fixed },
  )
}
