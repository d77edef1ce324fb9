import { z } from 'zod'
import { type Codec, codec, limit } from '../base/index.ts'
import { countSchema, digestSchema, jobIdSchema, peerIdSchema } from './names.ts'

/**
 * Leave to read a job's blobs, signed by the submitter. The audience is the workers that hold a lease of the job;
 * a provider checks signature, audience, blob and time before it serves a byte.
 */
export const grantSchema = z.object({
  job: jobIdSchema,
  submitter: peerIdSchema,
  /** Blobs that may be read; every blob of the job, when empty. */
  blobs: z.array(digestSchema).max(4096),
  audience: z.array(peerIdSchema).min(1).max(1024),
  untilWallMs: countSchema,
})

/** See {@link grantSchema}. */
export type Grant = z.infer<typeof grantSchema>

/** Wire form of a {@link Grant}. */
export const grantCodec: Codec<Grant> = codec({ name: 'grant', schema: grantSchema, maxBytes: limit('documentBytes') })
