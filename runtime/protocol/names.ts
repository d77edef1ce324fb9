import { z } from 'zod'

/** A libp2p peer id (`12D3Koo...`): who a node is. */
export const peerIdSchema = z.string().regex(/^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/, 'expected a peer id (12D3Koo...)')

/** An account id (`ac_` and a base58 Ed25519 public key): whose a node, a job or a credit is. */
export const accountIdSchema = z.string().regex(/^ac_[1-9A-HJ-NP-Za-km-z]{32,44}$/, 'expected an account id (ac_...)')

/** A SHA-256 digest in hex: the name of a blob, a shard, a cluster. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex characters')

/** A job's id: `job-` and random base-32 characters. */
export const jobIdSchema = z.string().regex(/^job-[0-9a-z]{16}$/, 'expected a job id (job-...)')

/** Non-negative integer. */
export const countSchema = z.number().int().nonnegative()

/** An amount of micro-credits, in the 64 bits that the encoding has for integers. */
export const microCreditsSchema = z.coerce
  .bigint()
  .nonnegative()
  .max(2n ** 64n - 1n)

/** Whose money a job is paid with; meaningful once the ledger holds it. */
export const fundsColourSchema = z.enum(['earned', 'bought', 'granted'])

/** A reference to immutable bytes: the root of their hash tree, and how many they are. */
export const blobRefSchema = z.object({ blob: digestSchema, sizeBytes: countSchema })

/** See {@link blobRefSchema}. */
export type BlobRef = z.infer<typeof blobRefSchema>

/** A model: its graph and, when it has external data, the weights by the name the graph knows them under. */
export const modelRefSchema = z.object({
  graph: blobRefSchema,
  weights: z.array(blobRefSchema.extend({ name: z.string().min(1).max(512) })).max(4096),
})

/** See {@link modelRefSchema}. */
export type ModelRef = z.infer<typeof modelRefSchema>
