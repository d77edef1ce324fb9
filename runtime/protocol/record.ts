import { z } from 'zod'
import { jobRequestSchema, jobStateSchema, resultPartSchema, workerShareSchema } from './job.ts'
import { countSchema, jobIdSchema, modelRefSchema } from './names.ts'
import { roundManifestSchema } from './rounds.ts'
import { trainingSpecSchema } from './training.ts'

/**
 * All that is known of how a job went: what was asked for, by content; what its rounds were to be and came to; who
 * computed what, in which class. A training can be done again from it and the bytes that it names.
 */
export const jobRecordSchema = z.object({
  job: jobIdSchema,
  name: z.string().max(128),
  state: jobStateSchema,
  /** What it failed of. */
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
  createdWallMs: countSchema,
  finishedWallMs: countSchema.optional(),
  /** As it was asked for. Its paths are those of the submitter's machine; in a bundle, names of its files. */
  request: jobRequestSchema,
  model: modelRefSchema,
  training: trainingSpecSchema.optional(),
  workers: z.array(workerShareSchema.pick({ peer: true, name: true, shards: true, rows: true, computeMs: true })),
  /** Through the submitter. */
  bytes: z.object({ sent: countSchema, received: countSchema }),
  /** Of a training by rounds: those that were opened, by number. */
  rounds: z.array(roundManifestSchema),
  /** By index; `file` is a name in the result's folder. */
  parts: z.array(resultPartSchema),
  /** Of the submitter: its own version, Node's, and that of the protocol. Engines are named by the classes of the parts. */
  versions: z.record(z.string().max(32), z.string().max(64)),
})

/** See {@link jobRecordSchema}. */
export type JobRecordDocument = z.infer<typeof jobRecordSchema>
