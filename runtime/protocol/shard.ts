import { z } from 'zod'
import { assertNever, canonicalBytes, type Digest, limit, sha256 } from '../base/index.ts'
import { learningRateSchema } from './learning-rate.ts'
import {
  type BlobRef,
  blobRefSchema,
  countSchema,
  digestSchema,
  type ModelRef,
  modelRefSchema,
  peerIdSchema,
} from './names.ts'
import { aggregationSchema, batchRangeSchema, compressionSchema, heldUpdateSchema, outerStepSchema } from './update.ts'

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

/** Updates of one round, a slice each, in order. */
const roundUpdatesSchema = z.array(heldUpdateSchema).min(1).max(limit('slicesPerRound'))

/**
 * What makes a training shard one of many that train the same model in rounds: a **replica** of the shared state is
 * brought to where the rounds so far have led, makes its steps, and gives what they changed as an update.
 *
 * The shared state is flattened for this: tensors of the step's state that are trained, in the signature's order, then
 * the statistics, which are always sent as f32 and have no part in momentum. Elements are f32.
 */
export const replicaSchema = z.object({
  /** Counted from 0. */
  round: countSchema,
  /**
   * `local`: as many steps of its own as the shard has, then the difference to the shared state (DiLoCo). `gradient`: the
   * gradient of one batch; the optimiser steps on the mean of all of them, in the same way at each replica.
   */
  mode: z.enum(['local', 'gradient']),
  /**
   * Names the shared state that `updates` are applied to: see `lineageOf`. With `held` the worker has it, or says
   * `replica.lost`; otherwise it is that of the shard's `state`, which these members have beside the submitter.
   */
  lineage: digestSchema,
  held: z.boolean(),
  at: z.array(peerIdSchema).max(limit('membersPerRound')),
  /**
   * What other rounds came to since, oldest first. They may be cut otherwise than `slices`: as `sliceEnds` cuts into as
   * many as there are. A worker that holds the state between two of them goes on from there.
   */
  updates: z.array(roundUpdatesSchema).max(limit('roundsPerSnapshot')),
  /**
   * What the member's own last shard that counted left behind, its receipt's `state`: the optimiser's tensors and what
   * compression left over. Absent: the optimiser's of the shard's `state`, and zeros.
   */
  inner: blobRefSchema.optional(),
  /** Which samples the steps learn from: as many batches as steps. The shard's `fromStep` counts the optimiser's steps. */
  batches: z.array(batchRangeSchema).max(4_096),
  /** The learning rate of local step i is that of step `position + i * stride` of the schedule. */
  position: z.number().nonnegative(),
  stride: z.number().positive(),
  /**
   * With `gradient`: the learning rate of the step that each of `updates` makes. These steps are the last of the `fromStep`
   * that were made before.
   */
  rates: z.array(z.number().nonnegative().finite()).max(limit('roundsPerSnapshot')).optional(),
  outer: outerStepSchema,
  /** Of the updates that this shard gives ... */
  compression: compressionSchema,
  /** ... and of those that it applies. */
  compressed: compressionSchema,
  /** Where each slice of the flattened state ends. */
  slices: z.array(countSchema).min(1).max(limit('slicesPerRound')),
  /** Which of the round's members this is; in the metrics as `member`. */
  member: countSchema,
  /** With `gradient`: the optimiser's step. The shard's `model` gives the gradients then. */
  update: modelRefSchema.optional(),
})

/** See {@link replicaSchema}. */
export type Replica = z.infer<typeof replicaSchema>

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
  /** With a replica 0 too: its shared state is measured, and given as a checkpoint. */
  steps: countSchema,
  /** Up to 2^53 - 1. */
  seed: countSchema,
  learningRate: learningRateSchema,
  /** The state is hashed after each step whose number, counted from 1, is a multiple of this, and after the last one. */
  commitEvery: countSchema.min(1),
  evaluation: evaluationSchema.optional(),
  /** Absent: a training on one worker. */
  replica: replicaSchema.optional(),
})

/** See {@link trainShardSchema}. */
export type TrainShard = z.infer<typeof trainShardSchema>

/** A training shard of a round. */
export type ReplicaShard = TrainShard & { readonly replica: Replica }

/** What one member gives to a round. */
export const contributionSchema = z.object({
  member: countSchema,
  ...heldUpdateSchema.shape,
  weight: z.number().positive().finite(),
})

/**
 * Aggregation of one slice: updates of members, in this order, become one, compressed again. f32 arithmetic rounded
 * after each operation, so that its bytes are the same on every machine.
 */
export const reduceShardSchema = z.object({
  kind: z.literal('reduce'),
  round: countSchema,
  slice: countSchema,
  /** Elements, of which the last `plain` are statistics. */
  length: countSchema.min(1),
  plain: countSchema,
  contributions: z.array(contributionSchema).min(1).max(limit('membersPerRound')),
  aggregation: aggregationSchema,
  /** Of the contributions ... */
  compressed: compressionSchema,
  /** ... and of what they become. */
  compression: compressionSchema,
  /** What compression left over in the round before; absent: zeros. */
  residual: heldUpdateSchema.optional(),
})

/** See {@link reduceShardSchema}. */
export type ReduceShard = z.infer<typeof reduceShardSchema>

/**
 * The unit of work, as data. Later kinds join this union: a device is offered the kinds alone that its card names, so
 * nodes that do not know one never see it.
 */
export const shardSpecSchema = z.discriminatedUnion('kind', [inferShardSchema, trainShardSchema, reduceShardSchema])

/** See {@link shardSpecSchema}. */
export type ShardSpec = z.infer<typeof shardSpecSchema>

/**
 * What a shard alone is about, and its submitter has: rows to infer on, or the state to train from. A shard of a round
 * mostly has its inputs at its worker, and at other members.
 */
export function inputsOf(spec: ShardSpec): BlobRef | undefined {
  switch (spec.kind) {
    case 'infer':
      return spec.inputs
    case 'train':
      return spec.replica?.held ? undefined : spec.state
    case 'reduce':
      return undefined
    default:
      return assertNever(spec)
  }
}

/** What a shard's progress is counted in: rows, or steps. */
export function rowsOf(spec: ShardSpec): number {
  switch (spec.kind) {
    case 'infer':
      return spec.rows
    case 'train':
      return spec.steps
    case 'reduce':
      return 0
    default:
      return assertNever(spec)
  }
}

/** The models that a shard runs. */
export function modelsOf(spec: ShardSpec): ModelRef[] {
  if (spec.kind === 'reduce') return []
  if (spec.kind === 'infer') return [spec.model]
  const { model, evaluation, replica } = spec
  return [model, ...(evaluation ? [evaluation.model] : []), ...(replica?.update ? [replica.update] : [])]
}

/** Whether it is a training shard of a round. */
export function isReplica(spec: ShardSpec): spec is ReplicaShard {
  return spec.kind === 'train' && spec.replica !== undefined
}

/** Names the shared state after a round: whoever applied the same updates to the same state holds the same bits. */
export function lineageOf(before: Digest, updates: readonly { readonly update: BlobRef }[]): Digest {
  return sha256(canonicalBytes([before, ...updates.map(({ update }) => update.blob)]))
}

/** A shard's id is the hash of what it computes, so the same work has the same id whoever asks for it. */
export function shardId(spec: ShardSpec): Digest {
  return sha256(canonicalBytes(spec))
}
