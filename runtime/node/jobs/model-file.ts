import type { BlobStore } from '../../data/blob/index.ts'
import type { BlobRef, TrainingSpec } from '../../protocol/index.ts'
import { tensorsOf } from '../training/state-tensors.ts'

/** Name of the trained model among the files of a result. */
export const MODEL_FILE = 'model.onnx'

const WEIGHTS_FILE = `${MODEL_FILE}.data`
/** From here on weights are a file of their own: protobuf ends at 2 GiB. */
const WEIGHTS_INSIDE_BYTES = 2 ** 30

/** What a state makes of a training's model, as files; none where the training does not say what its model is. Throws `graph.state`. */
export async function modelFiles(
  blobs: BlobStore,
  { served, frozen }: TrainingSpec,
  state: BlobRef,
): Promise<{ name: string; pieces: readonly Uint8Array[] }[]> {
  if (!served) return []
  const { trainedModel, trainedModelParts } = await import('../../compute/graph/index.ts')
  const [graph, trained, still] = await Promise.all([
    blobs.readAll(served.graph.blob),
    blobs.readAll(state.blob).then(tensorsOf),
    frozen ? blobs.readAll(frozen.blob).then(tensorsOf) : {},
  ])
  if (state.sizeBytes + (frozen?.sizeBytes ?? 0) < WEIGHTS_INSIDE_BYTES)
    return [{ name: MODEL_FILE, pieces: [trainedModel(graph, trained, still)] }]
  const parts = trainedModelParts(graph, WEIGHTS_FILE, trained, still)
  return [
    { name: WEIGHTS_FILE, pieces: parts.pieces },
    { name: MODEL_FILE, pieces: [parts.graph] },
  ]
}
