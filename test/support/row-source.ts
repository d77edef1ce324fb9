import type { Source } from '../../runtime/data/sources/index.ts'
import { type Tensor, tensorOf } from '../../runtime/data/tensor/index.ts'
import type { InferenceJob } from '../../runtime/protocol/index.ts'

/**
 * What the input `ROWSxWIDTH` of a job stands for: rows r = 0, 1, ... of `x`, [rows, width] f32, holding r + 1. `changes`:
 * how often it was changed.
 */
export function rowsSource({ request }: InferenceJob, changes = 0): Source {
  const [rows = 0, width = 1] = request.input.path.split('x').map(Number)
  const rowsPerBatch = request.rowsPerShard
  return {
    format: 'tensors',
    rows,
    rowsPerBatch,
    identity: changes === 0 ? request.input.path : `${request.input.path}, ${changes}`,
    async *batches(fromRow = 0) {
      for (let firstRow = fromRow; firstRow < rows; firstRow += rowsPerBatch) {
        const count = Math.min(rowsPerBatch, rows - firstRow)
        yield { firstRow, rows: count, tensors: { x: numbers(firstRow, count, width) } }
      }
    },
    async close() {},
  }
}

/** `rows` rows from `firstRow` on: `factor` times r + 1 in row r. */
export function numbers(firstRow: number, rows: number, width: number, factor = 1): Tensor {
  const values = Float32Array.from(
    { length: rows * width },
    (_, at) => factor * (firstRow + Math.floor(at / width) + 1),
  )
  return tensorOf(values, [rows, width])
}
