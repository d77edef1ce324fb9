import { resolve } from 'node:path'
import { type ModelReport, scanModel } from '../../compute/model/index.ts'
import { type BlobStore, importModel } from '../../data/blob/index.ts'
import type { ModelRef } from '../../protocol/index.ts'

/** What turns the request for a training into one by content. */
export interface TrainingSubmission {
  readonly blobs: BlobStore
  /** Under whose name all of it is pinned. */
  readonly job: string
}

/** Keeps an `.onnx` file as blobs. Throws `model.*`, `blob.no-file`, `disk.*`. */
export function keptModel({ blobs, job }: TrainingSubmission, path: string): Promise<ModelRef> {
  return importModel(resolve(path), blobs, { pin: { owner: job } })
}

/** What a kept model takes and gives, and that it holds nothing it may not. Throws `model.*`. */
export function scanned(graph: Uint8Array, { weights }: ModelRef): ModelReport {
  return scanModel(graph, { weights: Object.fromEntries(weights.map(({ name, sizeBytes }) => [name, sizeBytes])) })
}
