import { z } from 'zod'
import { canonicalBytes, type Digest, sha256 } from '../base/index.ts'
import { blobRefSchema, countSchema, modelRefSchema } from './names.ts'

/** Batch inference: run the graph once on the input tensors (axis 0 is the batch) and keep the named outputs. */
export const inferShardSchema = z.object({
  kind: z.literal('infer'),
  model: modelRefSchema,
  /** Encoded tensors, one per graph input. */
  inputs: blobRefSchema,
  /** Rows along axis 0: what progress is counted in. */
  rows: countSchema,
  /** Graph outputs to keep; all, when empty. */
  outputs: z.array(z.string().max(512)).max(256),
})

/** The unit of work, as data. Later kinds join this union. */
export const shardSpecSchema = z.discriminatedUnion('kind', [inferShardSchema])

/** See {@link shardSpecSchema}. */
export type ShardSpec = z.infer<typeof shardSpecSchema>

/** A shard's id is the hash of what it computes, so the same work has the same id whoever asks for it. */
export function shardId(spec: ShardSpec): Digest {
  return sha256(canonicalBytes(spec))
}
