import { z } from 'zod'
import { type Codec, codec, limit } from '../base/index.ts'
import {
  accountIdSchema,
  countSchema,
  digestSchema,
  fundsColourSchema,
  jobIdSchema,
  microCreditsSchema,
  peerIdSchema,
} from './names.ts'
import { requirementsSchema } from './requirements.ts'
import { shardSpecSchema } from './shard.ts'

/** How a shard's result is checked. `none` accepts the first receipt; replication and referees join later. */
export const verificationPolicySchema = z.object({ mode: z.literal('none') })

/**
 * The right, and the duty, of one worker to compute one shard once. Signed by the submitter inside an {@link Offer}.
 * Times are durations on the holder's monotonic clock: the wall clocks of two machines never meet.
 */
export const leaseSchema = z.object({
  id: z.string().min(1).max(96),
  job: jobIdSchema,
  /** The coordinator's epoch: a fence. A worker that has seen a newer one for the job refuses. */
  epoch: countSchema,
  shard: digestSchema,
  spec: shardSpecSchema,
  account: accountIdSchema,
  worker: peerIdSchema,
  device: z.string().max(64),
  /** Counted from acceptance, extended by each progress message. */
  durationMs: countSchema,
  requirements: requirementsSchema,
  policy: verificationPolicySchema,
  /** Nodes to fetch blobs from: the submitter, then co-workers, who pass on what they have of the model. */
  providers: z.array(peerIdSchema).min(1).max(limit('leaseProviders')),
  priceCapMicroCredits: microCreditsSchema.optional(),
  fundsColour: fundsColourSchema.optional(),
})

/** See {@link leaseSchema}. */
export type Lease = z.infer<typeof leaseSchema>

/** Leases for one worker under one signature. */
export const offerSchema = z.object({
  submitter: peerIdSchema,
  leases: z.array(leaseSchema).min(1).max(limit('leasesPerOffer')),
})

/** See {@link offerSchema}. */
export type Offer = z.infer<typeof offerSchema>

/** Wire form of an {@link Offer}. */
export const offerCodec: Codec<Offer> = codec({
  name: 'offer',
  schema: offerSchema,
  maxBytes: 4 * limit('documentBytes'),
})
