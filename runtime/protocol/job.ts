import { z } from 'zod'
import { limit } from '../base/index.ts'
import { refusalCountsSchema } from './messages.ts'
import { accountIdSchema, countSchema, digestSchema, jobIdSchema, modelRefSchema, peerIdSchema } from './names.ts'
import { requirementsSchema } from './requirements.ts'
import { roundOutcomeSchema, roundsViewSchema } from './rounds.ts'
import { type SweepSpec, sweepRequestSchema, sweepSpecSchema, sweepViewSchema, trialPartSchema } from './sweep.ts'
import { checkpointSchema, type TrainingSpec, trainingSpecSchema, trainRequestSchema } from './training.ts'

/** Where batch inference reads its rows from. Paths are on the machine of the submitting node. */
export const sourceSpecSchema = z.object({
  path: z.string().min(1).max(4096),
  /** Default: told by the path (`.arrow`, `.jsonl`, a folder of images). */
  format: z.enum(['arrow', 'jsonl', 'images']).optional(),
})

/** See {@link sourceSpecSchema}. */
export type SourceSpec = z.infer<typeof sourceSpecSchema>

/** What a client asks for: batch inference of a model over the rows of a source. Unknown keys are refused. */
export const inferRequestSchema = z
  .object({
    program: z.literal('infer'),
    /** An `.onnx` file on the submitting node's machine; external data beside it comes along. */
    model: z.string().min(1).max(4096),
    /** The rows. */
    input: sourceSpecSchema,
    /** Folder for the Arrow parts. Default: `results/<job>` in the node's data folder. */
    outputDir: z.string().min(1).max(4096).optional(),
    /** Graph outputs to keep; all, when absent. */
    outputs: z.array(z.string().max(512)).max(256).default([]),
    /** Rows that a worker is given at once. Default: 8. */
    rowsPerShard: countSchema
      .min(1)
      .max(1 << 20)
      .default(8),
    /** Rows of one file of the result: as many whole shards as fit, at least one. Default: one shard. */
    rowsPerPart: countSchema
      .min(1)
      .max(1 << 20)
      .optional(),
    /** What devices must have. Default: nothing. */
    requirements: requirementsSchema.strict().default({}),
    /** Shards leased at once, copies included: a job that is to leave room for others asks for fewer. Default: no other bound. */
    maxShardsInFlight: countSchema.min(1).max(limit('shardsInFlight')).optional(),
    /** Refuse NaN and infinities in the input. */
    finite: z.boolean().default(true),
    /** What lists and reports call it. */
    name: z.string().max(128).optional(),
  })
  .strict()

/** What clients submit; later programs join this union. */
export const jobRequestSchema = z.discriminatedUnion('program', [
  inferRequestSchema,
  trainRequestSchema,
  sweepRequestSchema,
])

/** A request as a client writes it (defaults may be left out). */
export type JobRequest = z.input<typeof jobRequestSchema>

/** A job as it is journalled: the request with its defaults, and its model by content. */
export const jobSpecSchema = z.object({
  job: jobIdSchema,
  account: accountIdSchema,
  request: jobRequestSchema,
  model: modelRefSchema,
  /** Of `train`: what it is beside its model. */
  training: trainingSpecSchema.optional(),
  /** Of `sweep`: what it tries. Its `model` is that of the first of these. */
  sweep: sweepSpecSchema.optional(),
  outputDir: z.string(),
  createdWallMs: countSchema,
  /** What the input was when the job was made: another one under the same path is not taken for it. */
  inputIdentity: z.string().max(128).optional(),
})

/** See {@link jobSpecSchema}. */
export type JobSpec = z.infer<typeof jobSpecSchema>

/** A job of batch inference. */
export type InferenceJob = JobSpec & { readonly request: Extract<JobSpec['request'], { program: 'infer' }> }

/** A training. */
export type TrainingJob = JobSpec & {
  readonly request: Extract<JobSpec['request'], { program: 'train' }>
  readonly training: TrainingSpec
}

/** A sweep. */
export type SweepJob = JobSpec & {
  readonly request: Extract<JobSpec['request'], { program: 'sweep' }>
  readonly sweep: SweepSpec
}

/** Tells the kinds of jobs apart. */
export function isTraining(spec: JobSpec): spec is TrainingJob {
  return spec.request.program === 'train' && spec.training !== undefined
}

/** See {@link isTraining}. */
export function isSweep(spec: JobSpec): spec is SweepJob {
  return spec.request.program === 'sweep' && spec.sweep !== undefined
}

/** See {@link isTraining}. */
export function isInference(spec: JobSpec): spec is InferenceJob {
  return spec.request.program === 'infer'
}

/**
 * Where a job stands. `running` covers waiting for workers: `refusals` then says why none takes its shards. `adopted`: it
 * goes on at another node, which `adoption` names.
 */
export const jobStateSchema = z.enum(['running', 'done', 'failed', 'cancelled', 'adopted'])

/** An error as data. */
export const errorRecordSchema = z.object({
  code: z.string(),
  category: z.enum(['user', 'config', 'peer', 'platform', 'timeout', 'aborted', 'internal']),
  message: z.string(),
  retryable: z.boolean(),
  facts: z.record(z.string(), z.unknown()),
})

/** What one worker has done for a job. */
export const workerShareSchema = z.object({
  peer: peerIdSchema,
  name: z.string(),
  shards: countSchema,
  rows: countSchema,
  computeMs: z.number(),
  running: countSchema,
  state: z.enum(['alive', 'suspect', 'lost']),
})

/** Who computed shards of a part that follow each other, and in which class: what a replay has to know. */
export const computedBySchema = z.object({
  peer: peerIdSchema,
  determinismClass: z.string().max(256),
  /** So many of the part's shards, in their order. */
  shards: countSchema.min(1),
  /** Inside the engine. */
  computeMs: z.number().nonnegative(),
  /** Of training, for one shard: see `receiptSchema`. */
  commitments: z.array(digestSchema).max(limit('commitmentsPerShard')).optional(),
})

/** See {@link computedBySchema}. */
export type ComputedBy = z.infer<typeof computedBySchema>

/** One finished part of a result: an Arrow file, named by its index; of training, the metrics of its steps. */
export const resultPartSchema = z.object({
  index: countSchema,
  file: z.string(),
  firstRow: countSchema,
  rows: countSchema,
  sha256: digestSchema,
  shard: digestSchema,
  /** Where it holds the results of several batches: the shards of the second and those after it, in order. */
  furtherShards: z.array(digestSchema).optional(),
  /** Of training: what the shard came to. */
  checkpoint: checkpointSchema.optional(),
  /** Of a training by rounds: what the round came to. The metrics are those of all members that counted. */
  round: roundOutcomeSchema.optional(),
  /** Of a sweep: whose the checkpoint is. */
  trial: trialPartSchema.optional(),
  /** Who computed it: the shards in their order. Absent from older journals. */
  computedBy: z.array(computedBySchema).max(limit('shardsPerPart')).optional(),
  /** When its file was durable. */
  atWallMs: countSchema.optional(),
})

/** See {@link resultPartSchema}. */
export type ResultPart = z.infer<typeof resultPartSchema>

/** A job at one moment, as every client sees it. */
export const jobStatusSchema = z.object({
  job: jobIdSchema,
  name: z.string(),
  program: z.string(),
  account: accountIdSchema,
  state: jobStateSchema,
  epoch: countSchema,
  createdWallMs: countSchema,
  finishedWallMs: countSchema.optional(),
  /** `emitted` is the sum of those that wait, run, are being written, are done, and have failed. */
  shards: z.object({
    /** Those of an earlier run among them, and not those that were called off at the end. */
    emitted: countSchema,
    waiting: countSchema,
    running: countSchema,
    /** There is a result, which is not durable yet. Older nodes do not say. */
    writing: countSchema.default(0),
    done: countSchema,
    failed: countSchema,
    copies: countSchema,
    retries: countSchema,
  }),
  /** Of training: steps. */
  rows: z.object({ read: countSchema, done: countSchema, total: countSchema.optional() }),
  bytes: z.object({ sent: countSchema, received: countSchema }),
  /** Workers that it may have at once, where that was said while it ran. */
  maxWorkers: countSchema.optional(),
  workers: z.array(workerShareSchema).max(limit('peers')),
  /** Why devices do not take this job's shards, with counts. */
  refusals: refusalCountsSchema,
  /** Of a training by rounds. */
  rounds: roundsViewSchema.optional(),
  /** Of a sweep. */
  sweep: sweepViewSchema.optional(),
  outputDir: z.string(),
  error: errorRecordSchema.optional(),
  /** The job changed its coordinator: from which node to which. Where it is `done`, it was adopted unaware of that. */
  adoption: z.object({ from: peerIdSchema, by: peerIdSchema, atWallMs: countSchema }).optional(),
  /** Accounts whose nodes may read it, beside those of its own. */
  sharedWith: z.array(accountIdSchema).max(limit('sharesPerJob')).optional(),
  /** It is another node's, and read here: that node, and what it is called. */
  sharedBy: z.object({ node: peerIdSchema, name: z.string() }).optional(),
})

/** See {@link jobStatusSchema}. */
export type JobStatus = z.infer<typeof jobStatusSchema>
