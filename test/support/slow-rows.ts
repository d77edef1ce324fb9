import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../runtime/base/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { reordering, shuffled } from './exact-job.ts'

const COLUMNS = 256

/** Which column comes from which one, a layer. */
const ORDER = shuffled(COLUMNS, seededRandom(7))

/** Writes a model that takes its time with every row, and `rows` rows of seeded input, `x` and `y` `[n, 256] f32`, into a folder. */
export async function slowJob(
  folder: string,
  { rows, layers }: { readonly rows: number; readonly layers: number },
): Promise<{ readonly model: string; readonly input: string }> {
  const files = { model: join(folder, 'slow.onnx'), input: join(folder, 'rows.arrow') }
  await writeFile(files.model, reordering(ORDER, layers))
  await writeFile(files.input, arrowFile([toRowBatch({ x: tensorOf(inputOf(rows), [rows, COLUMNS]) })]))
  return files
}

/** The `y` of one row of a {@link slowJob}, to the bit: other numbers for each row, and each has all of its input. */
export function slowRow({ rows, layers }: { readonly rows: number; readonly layers: number }, row: number): number[] {
  const x = inputOf(rows).subarray(row * COLUMNS, (row + 1) * COLUMNS)
  return ORDER.map((_, column) => {
    let from = column
    for (let layer = 0; layer < layers; layer++) from = ORDER[from]!
    return x[from]!
  })
}

/** `[rows, 256] f32`, from -0.5 to 0.5; of another number of rows all are others. */
function inputOf(rows: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(rows)
  return Float32Array.from({ length: rows * COLUMNS }, () => random.float() - 0.5)
}
