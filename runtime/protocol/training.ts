import { z } from 'zod'
import { limit } from '../base/index.ts'
import { learningRateSchema } from './learning-rate.ts'
import { blobRefSchema, countSchema, digestSchema, modelRefSchema, peerIdSchema } from './names.ts'
import { requirementsSchema } from './requirements.ts'
import { roundsRequestSchema } from './rounds.ts'
import { evaluationSchema, rowRangeSchema } from './shard.ts'

const pathSchema = z.string().min(1).max(4096)

/** Rows on the submitting node's machine. */
export const rowFileSchema = z.object({
  /** A row file. */
  path: pathSchema,
  /** Default: 0. */
  firstRow: countSchema.default(0),
  /** Default: all that follow. */
  rows: countSchema.min(1).optional(),
})

/** Which checkpoint is the best one, and when there is no point in going on. */
export const selectionSchema = z.object({
  /** An output of the evaluation. */
  metric: z.string().min(1).max(64).default('loss'),
  goal: z.enum(['min', 'max']).default('min'),
  /** By how much one has to be better to count as better. */
  minDelta: z.number().nonnegative().default(0),
  /** Evaluations in a row that may be no better; then the training ends. Default: it goes on to its last step. */
  patience: countSchema.min(1).optional(),
})

/** See {@link selectionSchema}. */
export type Selection = z.infer<typeof selectionSchema>

/** What a client asks for: training from a state, on rows. Paths are on the submitting node's machine. Unknown keys are refused. */
export const trainRequestSchema = z
  .object({
    program: z.literal('train'),
    /** A training step: an `.onnx` file with a `StepSignature`, as `trainingStep` makes it. */
    model: pathSchema,
    /** What its state begins with: a safetensors file; the last or best checkpoint of another training is one. */
    state: pathSchema,
    /** Inputs that no step changes: a safetensors file. */
    frozen: pathSchema.optional(),
    /** Columns by the names of the step's batch inputs. */
    data: rowFileSchema,
    /** Steps in all, or passes over the rows: one of the two. */
    steps: countSchema.min(1).optional(),
    /** See `steps`. */
    epochs: countSchema.min(1).max(1_000_000).optional(),
    /** Decides the order of the rows and every mask. */
    seed: countSchema.max(Number.MAX_SAFE_INTEGER).default(0),
    /** How the length of steps changes. */
    learningRate: learningRateSchema,
    /** Steps of one shard: what a worker that is lost costs at most, and how often there is a checkpoint. */
    stepsPerShard: countSchema.min(1).max(limit('stepsPerShard')).default(500),
    /** Steps between two hashes of the state in a receipt. */
    commitEvery: countSchema.min(1).default(100),
    /** What the state is measured with on the way. Default: it is not. */
    evaluation: z
      .object({
        /** An `.onnx` file that takes weights by the names of the step's state and gives scalars, such as `loss`. */
        model: pathSchema,
        data: rowFileSchema,
        batchSize: countSchema.min(1).default(256),
        /** Default: after each pass over the rows. */
        everySteps: countSchema.min(1).optional(),
        select: selectionSchema.prefault({}),
      })
      .strict()
      .optional(),
    /** The model as it is used: an `.onnx` file with a `ModelSignature`. With it the node writes `model.onnx` in the end. */
    served: pathSchema.optional(),
    /** Several workers train one model together. `steps` are then batches, whoever learns from them. Default: one worker. */
    rounds: roundsRequestSchema.optional(),
    /** Folder for metrics and checkpoints. Default: `results/<job>` in the node's data folder. */
    outputDir: pathSchema.optional(),
    /** What devices must have. Default: nothing. */
    requirements: requirementsSchema.strict().default({}),
    /** What lists and reports call it. */
    name: z.string().max(128).optional(),
    /** What it was written as, for the record of the job: a file that says what is trained. Nothing is made from it. */
    script: z
      .object({ name: z.string().min(1).max(256), text: z.string().max(limit('scriptCharacters')) })
      .strict()
      .optional(),
  })
  .strict()

/** See {@link trainRequestSchema}. */
export type TrainRequest = z.infer<typeof trainRequestSchema>

/** What a training is, by content: all that its shards are made from. */
export const trainingSpecSchema = z.object({
  /** What it begins with. */
  state: blobRefSchema,
  frozen: blobRefSchema.optional(),
  data: rowRangeSchema,
  /** In all. */
  steps: countSchema.min(1),
  /** Rows of one step. */
  batchSize: countSchema.min(1),
  evaluation: evaluationSchema.extend({ everySteps: countSchema.min(1) }).optional(),
  /** What the trained model is made from, with a state. */
  served: modelRefSchema.optional(),
  /** Of a training by rounds. */
  rounds: z
    .object({
      /** Elements of the flattened state; see `replicaSchema`. */
      length: countSchema.min(1),
      /** Statistics among them: the last ones. */
      plain: countSchema,
      /** Which recipe is good for it. Default: `other`. */
      kind: z.enum(['transformer', 'other']).optional(),
      /** The step in two parts. */
      gradient: modelRefSchema.optional(),
      update: modelRefSchema.optional(),
    })
    .optional(),
})

/** See {@link trainingSpecSchema}. */
export type TrainingSpec = z.infer<typeof trainingSpecSchema>

/** A state that a training has come to, and can go on from. */
export const checkpointSchema = z.object({
  /** Steps that led to it. */
  step: countSchema,
  /** A safetensors file. */
  state: blobRefSchema,
  /** What the evaluation gave, by name, where there was one; what is no number is left out. */
  validation: z.record(z.string().max(64), z.number()).optional(),
  /** Of a training by rounds: before which round this is the shared state, what it is named, and which member has it. */
  shared: z.object({ round: countSchema, lineage: digestSchema, at: peerIdSchema }).optional(),
})

/** See {@link checkpointSchema}. */
export type Checkpoint = z.infer<typeof checkpointSchema>
