import { seededRandom, sha256All } from '../../runtime/base/index.ts'
import { encodeTensors, type NamedTensors, tensorOf } from '../../runtime/data/tensor/index.ts'

/** Bytes of a bulk frame's body: a chunk of a blob. */
export const FRAME_BYTES = 1 << 20

/** Tensors as a job sends them: encoded, in frames, and what they hash to. */
export interface Payload {
  readonly frames: readonly Uint8Array[]
  readonly sizeBytes: number
  readonly sha256: string
}

/** `sizeBytes` of seeded f32 in one tensor, encoded as shards' inputs are. Frames are views of one buffer. */
export function payload(sizeBytes: number, seed: number): Payload {
  const random = seededRandom(seed)
  const values = new Float32Array(sizeBytes / 4)
  for (let i = 0; i < values.length; i++) values[i] = i % 61 === 0 ? random.float() : i
  const tensors: NamedTensors = { x: tensorOf(values, [values.length / 1024, 1024]) }
  const bytes = Buffer.concat(encodeTensors(tensors))
  const frames = Array.from({ length: Math.ceil(bytes.byteLength / FRAME_BYTES) }, (_, i) =>
    bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
  )
  return { frames, sizeBytes: bytes.byteLength, sha256: sha256All([bytes]) }
}
