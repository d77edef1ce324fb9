import { type SafetensorsSource, safetensorsHead } from '../../runtime/data/tensor/safetensors.ts'
import type { NamedTensors } from '../../runtime/data/tensor/tensor.ts'
import type { TrainShard } from '../../runtime/protocol/index.ts'

const REF = { blob: '0'.repeat(64), sizeBytes: 0 }

/** A shard of training whose blobs are somewhere else; `changes` name what the test is about. */
export function trainShard(changes: Partial<TrainShard> = {}): TrainShard {
  return {
    kind: 'train',
    model: { graph: REF, weights: [] },
    state: REF,
    data: { table: REF, firstRow: 0, rows: 40 },
    fromStep: 0,
    steps: 30,
    seed: 7,
    learningRate: { kind: 'constant', rate: 0.1 },
    commitEvery: 5,
    ...changes,
  }
}

/** Tensors as the bytes of a safetensors file. */
export function safetensorsOf(tensors: NamedTensors): Uint8Array {
  const entries = Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor }))
  return Buffer.concat([safetensorsHead(entries), ...entries.map(({ data }) => data)])
}

/** Bytes as a file to read from. */
export function fileOf(bytes: Uint8Array): SafetensorsSource {
  return {
    sizeBytes: bytes.byteLength,
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  }
}
