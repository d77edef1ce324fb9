import { z } from 'zod'
import { blobRefSchema, countSchema, peerIdSchema } from './names.ts'

/**
 * How an update is made small for its way, by name: `f32`, `i8`, `i4`, `q2`, `s1`, `ec`, `topk`. Open, so that an offer can be
 * read by a node that does not know the one it names; `compressorOf` says so then.
 */
export const compressionSchema = z.object({
  kind: z.string().min(1).max(16),
  /** Elements that share a scale. Default: the compressor's own. */
  block: countSchema.min(1).max(65_536).optional(),
  /** Of `topk`: which part of the elements is kept. */
  share: z.number().positive().max(1).optional(),
  /** Of `ec`: how coarse, in root mean squares of a block. */
  step: z.number().min(0.01).max(100).optional(),
})

/** See {@link compressionSchema}. */
export type Compression = z.infer<typeof compressionSchema>

/**
 * How several updates become one. `trimmed-mean` leaves the `trim` largest and smallest of each coordinate out, `median`
 * all but the middle (Yin et al. 2018, "Byzantine-robust distributed learning"); neither counts weights.
 */
export const aggregationSchema = z.discriminatedUnion('rule', [
  z.object({ rule: z.literal('mean') }),
  z.object({ rule: z.literal('trimmed-mean'), trim: countSchema.min(1).max(1_024) }),
  z.object({ rule: z.literal('median') }),
])

/** See {@link aggregationSchema}. */
export type Aggregation = z.infer<typeof aggregationSchema>

/**
 * What becomes of the mean of all updates: SGD with momentum on the shared parameters (Douillard et al. 2023, "DiLoCo").
 * With momentum mu: `m = mu m + d`, then `theta -= rate (d + mu m)` (Nesterov).
 */
export const outerStepSchema = z.object({
  rate: z.number().positive().finite(),
  momentum: z.number().min(0).max(0.999),
})

/** See {@link outerStepSchema}. */
export type OuterStep = z.infer<typeof outerStepSchema>

/** A compressed update of one slice, and the member that has it. */
export const heldUpdateSchema = z.object({ update: blobRefSchema, at: peerIdSchema })

/** See {@link heldUpdateSchema}. */
export type HeldUpdate = z.infer<typeof heldUpdateSchema>

/** Batches of a training by their numbers: batch n is the (n mod batches of a pass)th of pass floor(n / batches of a pass). */
export const batchRangeSchema = z.object({ from: countSchema, count: countSchema.min(1) })

/** See {@link batchRangeSchema}. */
export type BatchRange = z.infer<typeof batchRangeSchema>
