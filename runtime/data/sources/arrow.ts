import type { Field, RecordBatch } from 'apache-arrow'
import { type AividaError, isAividaError, userError } from '../../base/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { type ArrowBatches, arrowBatches } from './arrow-batches.ts'
import { columnRows, columnType } from './arrow-column.ts'
import type { ByteSource } from './byte-source.ts'
import { columnMissing, malformed, wrongDtype } from './refusals.ts'
import { rowShape, withRowShape } from './row-shape.ts'
import type { TensorSpec } from './signature.ts'
import type { Loader, Piece } from './source.ts'

/** How an Arrow source is read. */
export interface ArrowLoaderInit {
  readonly bytes: ByteSource
  readonly identity: string
  readonly inputs: readonly TensorSpec[]
  /** Rows that are converted at once. */
  readonly rowsPerPiece: number
}

/**
 * Arrow IPC, a file or a stream: for each input the column of its name, one record batch in memory at a time.
 * Throws `source.malformed`, `source.empty`, `source.column-missing`, `source.dtype`, `source.shape` at once where the
 * schema tells; `source.missing-value`, `source.shape` later.
 */
export async function arrowLoader(init: ArrowLoaderInit): Promise<Loader> {
  const { bytes, identity, inputs, rowsPerPiece } = init
  const { batches, fields } = await open(init).catch((error) => {
    throw damage(bytes.name, error)
  })
  const rowsVary = fields.some((field) => columnType(field).rowShape === undefined)
  const step = rowsVary ? 1 : rowsPerPiece

  function piece(batch: RecordBatch, from: number, to: number, firstRow: number): Piece {
    const tensors = inputs.map((spec, i): [string, Tensor] => {
      const index = batch.schema.fields.findIndex(({ name }) => name === spec.name)
      const tensor = columnRows(fields[i]!, batch.data.children[index]!, from, to, firstRow)
      const where = `row ${firstRow + from} of ${bytes.name}`
      return [spec.name, { ...withRowShape(tensor, rowShape(spec, tensor.shape.slice(1), where)), dtype: spec.dtype }]
    })
    return { rows: to - from, tensors: Object.fromEntries(tensors) }
  }

  async function* pieces(fromRow: number): AsyncGenerator<Piece> {
    for (const address of batches.addresses) {
      const skipped = Math.max(0, fromRow - address.firstRow)
      if (skipped >= address.rows) continue
      const batch = await batches.read(address)
      for (let from = skipped; from < address.rows; from += step)
        yield piece(batch, from, Math.min(address.rows, from + step), address.firstRow)
    }
  }

  return {
    format: 'arrow',
    rows: batches.rows,
    identity,
    async *pieces(fromRow) {
      try {
        yield* pieces(fromRow)
      } catch (error) {
        throw damage(bytes.name, error)
      }
    },
    close: () => bytes.close(),
  }
}

async function open({ bytes, inputs }: ArrowLoaderInit): Promise<{ batches: ArrowBatches; fields: Field[] }> {
  const batches = await arrowBatches(bytes)
  if (batches.rows === 0) throw userError('source.empty', `${bytes.name} has no rows; give a table with at least one`)
  return { batches, fields: inputs.map((spec) => inputField(spec, batches.schema.fields, bytes.name)) }
}

/** Damage that the walk over the messages can't see comes out as whatever apache-arrow stumbles over. */
function damage(path: string, error: unknown): AividaError {
  return isAividaError(error) ? error : malformed(path, 'its content is damaged', error)
}

function inputField(spec: TensorSpec, fields: readonly Field[], where: string): Field {
  const field = fields.find(({ name }) => name === spec.name)
  if (!field)
    throw columnMissing(
      spec,
      fields.map(({ name }) => name),
      where,
    )
  const { dtype, rowShape: found } = columnType(field)
  const words = spec.dtype === 'bfloat16' && dtype === 'uint16' // Arrow has no bfloat16
  if (dtype !== spec.dtype && !words) throw wrongDtype(spec, `${field.type}`, `column ${spec.name} of ${where}`)
  if (found) rowShape(spec, found, `column ${spec.name} of ${where}`)
  return field
}
