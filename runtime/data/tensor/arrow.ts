/**
 * Tensors as Arrow record batches and files, for results and exports. Imported on its own, since apache-arrow costs 0.1
 * s and 20 MB that most processes can do without.
 */
import { type RecordBatch, RecordBatchFileWriter } from 'apache-arrow'

export { toRowBatch } from './row-batch.ts'
export { fromTensorBatch, toTensorBatch } from './tensor-batch.ts'

/** Record batches of one schema as an Arrow IPC file, in pieces; large buffers are views of the batches' memory. */
export async function* arrowFile(batches: readonly RecordBatch[]): AsyncGenerator<Uint8Array> {
  yield* RecordBatchFileWriter.writeAll(batches)
}
