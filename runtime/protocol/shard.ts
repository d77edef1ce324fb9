import { z } from 'zod'
import { canonicalBytes, type Digest, sha256 } from '../base/index.ts'
import { learningRateSchema } from './learning-rate.ts'
import { type BlobRef, blobRefSchema, countSchema, type ModelRef, modelRefSchema } from './names.ts'

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

/** Rows of a table that a shard learns from, or is measured on. */
export const rowRangeSchema = z.object({
  /** A row file. */
  table: blobRefSchema,
  firstRow: countSchema,
  rows: countSchema.min(1),
})

/** See {@link rowRangeSchema}. */
export type RowRange = z.infer<typeof rowRangeSchema>

/** A measurement after the last step of a shard: the mean of a graph's scalar outputs over rows that it does not learn from. */
export const evaluationSchema = z.object({
  /** Takes weights by the names of the step's state and frozen inputs, and a batch by the names of the table's columns. */
  model: modelRefSchema,
  data: rowRangeSchema,
  /** Rows at once; a last batch of fewer rows is left out where the graph's batch has a fixed size. */
  batchSize: countSchema.min(1),
})

/** See {@link evaluationSchema}. */
export type Evaluation = z.infer<typeof evaluationSchema>

/**
 * Training: some steps from a committed state to the next one. Which rows a step learns from follows from the seed, the
 * table and the number of the step; so do masks and the learning rate: inside an exact class the state that comes out is
 * the same to the bit, whoever computes it, and however a run is cut into shards.
 */
export const trainShardSchema = z.object({
  kind: z.literal('train'),
  /** A training step: an ONNX file with a `StepSignature`, which says what a batch is. */
  model: modelRefSchema,
  /** What the step's state is before the first of these steps, as a safetensors file. */
  state: blobRefSchema,
  /** Inputs that no step changes, as a safetensors file. Absent when the step has none. */
  frozen: blobRefSchema.optional(),
  data: rowRangeSchema,
  /** Steps that were done before; the first step of a training is number 0. */
  fromStep: countSchema,
  steps: countSchema.min(1),
  /** Up to 2^53 - 1. */
  seed: countSchema,
  learningRate: learningRateSchema,
  /** The state is hashed after each step whose number, counted from 1, is a multiple of this, and after the last one. */
  commitEvery: countSchema.min(1),
  evaluation: evaluationSchema.optional(),
})

/** See {@link trainShardSchema}. */
export type TrainShard = z.infer<typeof trainShardSchema>

/** See {@link inferShardSchema}. */
export type InferShard = z.infer<typeof inferShardSchema>

/**
 * The unit of work, as data. Later kinds join this union: a device is offered the kinds alone that its card names, so
 * nodes that do not know one never see it.
 */
export const shardSpecSchema = z.discriminatedUnion('kind', [inferShardSchema, trainShardSchema])

/** See {@link shardSpecSchema}. */
export type ShardSpec = z.infer<typeof shardSpecSchema>

/** What a shard alone is about, and nobody but its submitter has: rows to infer on, or the state to train from. */
export function inputsOf(spec: ShardSpec): BlobRef {
  return spec.kind === 'infer' ? spec.inputs : spec.state
}

/** What a shard's progress is counted in: rows, or steps. */
export function rowsOf(spec: ShardSpec): number {
  return spec.kind === 'infer' ? spec.rows : spec.steps
}

/** The models that a shard runs. */
export function modelsOf(spec: ShardSpec): ModelRef[] {
  return spec.kind === 'train' && spec.evaluation ? [spec.model, spec.evaluation.model] : [spec.model]
}

/** A shard's id is the hash of what it computes, so the same work has the same id whoever asks for it. */
export function shardId(spec: ShardSpec): Digest {
  return sha256(canonicalBytes(spec))
}
