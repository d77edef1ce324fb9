import { z } from 'zod'
import { limit } from '../base/index.ts'
import { blobRefSchema, countSchema, digestSchema, peerIdSchema } from './names.ts'
import { aggregationSchema, batchRangeSchema, compressionSchema, heldUpdateSchema, outerStepSchema } from './update.ts'

/** What becomes of a contribution that comes after its round was closed. */
export const lateRuleSchema = z.discriminatedUnion('rule', [
  /** Its samples go back to the pool at once; it is of no use any more. */
  z.object({ rule: z.literal('return') }),
  /** It counts in the round in which it comes, its weight times `factor` for each round that it is late. */
  z.object({
    rule: z.literal('weigh'),
    factor: z.number().min(0.01).max(1),
    /** Rounds; after them its samples go back. */
    maxAge: countSchema.min(1).max(16),
  }),
])

/** How replicas are kept together: what one chooses beside the model. */
export const roundRecipeSchema = z.object({
  mode: z.enum(['local', 'gradient']),
  /** Steps of a member between two rounds; those of the average member where samples go by speed. */
  localSteps: countSchema.min(1).max(limit('stepsPerShard')),
  /** On the way to who aggregates ... */
  up: compressionSchema,
  /** ... and back to all. */
  down: compressionSchema,
  outer: outerStepSchema,
})

/** See {@link roundRecipeSchema}. */
export type RoundRecipe = z.infer<typeof roundRecipeSchema>

const membersSchema = countSchema
  .min(1, 'a training takes one worker or more: say how many take part')
  .max(limit('membersPerRound'))

/** What a client asks for when more than one worker is to train. Unknown keys are refused. */
export const roundsRequestSchema = z
  .object({
    /** It begins with as many members as there are, and no fewer than `min`; no more than `max` take part. */
    workers: z.object({
      min: membersSchema,
      max: membersSchema,
    }),
    /** `auto`: links and steps are measured first, and one of the others is taken. Missing parts have their defaults. */
    sync: z.enum(['auto', 'diloco', 'gradients']).default('auto'),
    recipe: roundRecipeSchema.partial().prefault({}),
    aggregation: aggregationSchema.default({ rule: 'mean' }),
    late: lateRuleSchema.default({ rule: 'return' }),
    /** `speed`: a member has as many samples of a round as its share of the speed; `equal`: all have the same. */
    balance: z.enum(['speed', 'equal']).default('speed'),
    /** A round is closed without those who are not done after this many times its expected duration, and this long at least. */
    deadline: z
      .object({
        factor: z.number().min(1).max(100).default(3),
        leastMs: countSchema.min(1).max(limit('roundWaitMs')).default(2_000),
      })
      .prefault({}),
    /** Of a member that took over from another, or came back without it: what optimiser it begins with. */
    replacement: z.enum(['committed', 'zero']).default('committed'),
    /** Rounds between two snapshots of the shared state, from which newcomers and a restarted run go on. */
    snapshotEvery: countSchema.min(1).max(limit('roundsPerSnapshot')).default(16),
    /** Of `gradients` and `auto`: the step in two parts, the gradients of a batch ... */
    gradient: z.string().min(1).max(4096).optional(),
    /** ... and what the optimiser makes of them: `.onnx` files. */
    update: z.string().min(1).max(4096).optional(),
  })
  .strict()

/** See {@link roundsRequestSchema}. */
export type RoundsRequest = z.infer<typeof roundsRequestSchema>

/** What one member is to do in a round. */
export const roundMemberSchema = z.object({
  peer: peerIdSchema,
  /** Its shard. */
  shard: digestSchema,
  batches: z.array(batchRangeSchema).max(4_096),
  /** Steps of its optimiser before. */
  fromStep: countSchema,
  /** What it goes on from; absent: it begins. */
  inner: blobRefSchema.optional(),
  /** Its replica begins with the shared state before this round: its own, or that of the snapshot. */
  base: z.object({ round: countSchema, held: z.boolean() }),
})

/** See {@link roundMemberSchema}. */
export type RoundMember = z.infer<typeof roundMemberSchema>

/**
 * What the submitter fixes when it opens a round. Journalled before anything of it counts: a run is deterministic given
 * its manifests and what they came to ({@link roundOutcomeSchema}).
 */
export const roundManifestSchema = z.object({
  round: countSchema,
  recipe: roundRecipeSchema,
  aggregation: aggregationSchema,
  /** The shared state that it begins with. */
  lineage: digestSchema,
  /** Batches that counted before: where the learning rate's schedule stands. */
  position: countSchema,
  slices: z.array(countSchema).min(1).max(limit('slicesPerRound')),
  /** In the order in which they are aggregated. */
  members: z.array(roundMemberSchema).min(1).max(limit('membersPerRound')),
  /** From when it was opened. */
  deadlineMs: countSchema,
})

/** See {@link roundManifestSchema}. */
export type RoundManifest = z.infer<typeof roundManifestSchema>

/** A contribution that counted. */
export const countedSchema = z.object({
  peer: peerIdSchema,
  /** The round that it was made in: an earlier one when it came late. */
  round: countSchema,
  shard: digestSchema,
  weight: z.number().positive().finite(),
  batches: z.array(batchRangeSchema).max(4_096),
  /** A slice each. */
  updates: z.array(blobRefSchema).min(1).max(limit('slicesPerRound')),
  /** What its member goes on from. */
  inner: blobRefSchema,
  /** Inside the engine; for speeds and reports. */
  computeMs: z.number().nonnegative(),
  /** From when the round was opened until its receipt was here; for reports. */
  doneMs: z.number().nonnegative().optional(),
})

/** See {@link countedSchema}. */
export type Counted = z.infer<typeof countedSchema>

/** Where a training by rounds stands, for people. */
export const roundsViewSchema = z.object({
  /** Rounds that were closed. */
  closed: countSchema,
  /** Members of the round that is open; none between two. */
  members: z.array(peerIdSchema).max(limit('membersPerRound')),
  /** Why none is open: "waits for 4 workers, 2 are here". */
  waits: z.string().max(512).optional(),
  /** How the members are kept together, in a line; where `auto` chose, with the reason. */
  sync: z.string().max(1024).optional(),
})

/** See {@link roundsViewSchema}. */
export type RoundsView = z.infer<typeof roundsViewSchema>

/** What a round came to: part of the journal entry that commits its metrics. */
export const roundOutcomeSchema = z.object({
  round: countSchema,
  counted: z.array(countedSchema).max(limit('membersPerRound')),
  /** Who did not count, and why; its samples are back in the pool. */
  excluded: z
    .array(z.object({ peer: peerIdSchema, code: z.string().max(64), message: z.string().max(1024) }))
    .max(limit('membersPerRound')),
  /** A slice each. */
  aggregates: z
    .array(
      heldUpdateSchema.extend({
        shard: digestSchema,
        residual: blobRefSchema.optional(),
        /** As of a contribution. */
        computeMs: z.number().nonnegative().optional(),
        doneMs: z.number().nonnegative().optional(),
      }),
    )
    .max(limit('slicesPerRound')),
  /** The shared state after it. */
  lineage: digestSchema,
  openedWallMs: countSchema,
  closedWallMs: countSchema,
})

/** See {@link roundOutcomeSchema}. */
export type RoundOutcome = z.infer<typeof roundOutcomeSchema>
