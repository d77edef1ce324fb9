import { z } from 'zod'
import { limit } from '../base/index.ts'
import { learningRateSchema } from './learning-rate.ts'
import { countSchema, modelRefSchema } from './names.ts'
import { requirementsSchema } from './requirements.ts'
import { selectionSchema, trainingSpecSchema, trainRequestSchema } from './training.ts'

/** What one parameter of a trial is. Numbers are finite. */
export const parameterSchema = z.union([z.number(), z.string().max(256), z.boolean()])

/** See {@link parameterSchema}. */
export type Parameter = z.infer<typeof parameterSchema>

/** One configuration of a sweep, and the training that tries it. */
export const trialSchema = z.object({
  /** By name; every trial of a sweep has the same names. */
  parameters: z.record(z.string().min(1).max(64), parameterSchema),
  /** Which of the sweep's trainings it is. */
  training: countSchema,
  learningRate: learningRateSchema,
})

/** Which trials are begun, and how far each is taken. */
export const sweepStrategySchema = z.discriminatedUnion('kind', [
  /** Each to its end, in order. */
  z.object({ kind: z.literal('full') }),
  /**
   * ASHA: the best of each rung go on to the next, decided whenever there is room for a trial (Li et al. 2020, "A system for
   * massively parallel hyperparameter tuning", algorithm 2).
   */
  z.object({
    kind: z.literal('asha'),
    /** One in so many goes on, and goes on for so many times as long. */
    eta: countSchema.min(2).max(64),
    /** Steps of a trial to its first rung, at least. */
    minSteps: countSchema.min(1),
  }),
])

/** See {@link sweepStrategySchema}. */
export type SweepStrategy = z.infer<typeof sweepStrategySchema>

/** What a sweep may take; none of the two: as much as it needs. */
export const sweepBudgetSchema = z
  .object({
    /** Steps of all trials together. A trial that would need more is not begun, nor taken further. */
    steps: countSchema.min(1).optional(),
    /** From its start; time in which its node did not run is not counted. Trials that are at work then are called off. */
    ms: countSchema.min(1).optional(),
  })
  .strict()

/** See {@link sweepBudgetSchema}. */
export type SweepBudget = z.infer<typeof sweepBudgetSchema>

/** What a client asks for: trainings that differ in some parameters, and which of them is best. Unknown keys are refused. */
export const sweepRequestSchema = z
  .object({
    program: z.literal('sweep'),
    /** What trials differ in, beside the learning rate; trials that differ in that alone share one. Each has an evaluation. */
    trainings: z
      .array(trainRequestSchema.omit({ outputDir: true, requirements: true, name: true, rounds: true }))
      .min(1)
      .max(limit('trialsPerSweep')),
    /** What is tried, in order. */
    trials: z.array(trialSchema).min(1).max(limit('trialsPerSweep')),
    /** Which of them are begun, and how far each is taken. Default: each to its end. */
    strategy: sweepStrategySchema.default({ kind: 'full' }),
    /** An output of the evaluations, and which way is better. */
    metric: selectionSchema.shape.metric,
    /** See `metric`. */
    goal: selectionSchema.shape.goal,
    /** What it may take. Default: as much as it needs. */
    budget: sweepBudgetSchema.default({}),
    /** Folder for metrics, the table of trials and the best state. Default: `results/<job>` in the node's data folder. */
    outputDir: z.string().min(1).max(4096).optional(),
    /** What devices must have. Default: nothing. */
    requirements: requirementsSchema.strict().default({}),
    /** What lists and reports call it. */
    name: z.string().max(128).optional(),
  })
  .strict()

/** See {@link sweepRequestSchema}. */
export type SweepRequest = z.infer<typeof sweepRequestSchema>

/** Where a sweep stands: how many of its trials are where, and which is the best so far. */
export const sweepViewSchema = z.object({
  waiting: countSchema,
  running: countSchema,
  /** At a rung, from which they may still be taken further. */
  paused: countSchema,
  done: countSchema,
  failed: countSchema,
  /** How many have reached each rung, the first one first. */
  rungs: z.array(countSchema).max(64),
  best: z.object({ trial: countSchema, value: z.number(), step: countSchema }).optional(),
})

/** See {@link sweepViewSchema}. */
export type SweepView = z.infer<typeof sweepViewSchema>

/** What a sweep is, by content: its trainings, in the order of the request's. */
export const sweepSpecSchema = z.object({
  trainings: z.array(z.object({ model: modelRefSchema, training: trainingSpecSchema })).min(1),
})

/** See {@link sweepSpecSchema}. */
export type SweepSpec = z.infer<typeof sweepSpecSchema>

/** A trial that failed, as the journal keeps it: with the next part. */
export const failedTrialSchema = z.object({
  trial: countSchema,
  /** See {@link trialPartSchema}. */
  begun: countSchema,
  code: z.string().max(64),
  message: z.string().max(1024),
})

/** See {@link failedTrialSchema}. */
export type FailedTrial = z.infer<typeof failedTrialSchema>

/**
 * What a part of a sweep is about. Parts in their order are all that a sweep is resumed from: what it begins next depends
 * on what it has heard so far, and `begun` says how often it had begun something when it heard of this.
 */
export const trialPartSchema = z.object({
  /** Its place in the request. */
  trial: countSchema,
  begun: countSchema,
  /** How long the sweep had run. */
  elapsedMs: countSchema,
  /** Since the part before. */
  failed: z.array(failedTrialSchema).optional(),
})

/** See {@link trialPartSchema}. */
export type TrialPart = z.infer<typeof trialPartSchema>
