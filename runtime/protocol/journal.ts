import { z } from 'zod'
import { bytesSchema, type Codec, codec, limit } from '../base/index.ts'
import { countSchema, digestSchema, jobIdSchema } from './names.ts'
import { signedSchema } from './signed.ts'

/** Where a job's journal ends: all up to `seq` is durable at its coordinator. */
export const journalHeadSchema = z.object({
  job: jobIdSchema,
  epoch: countSchema,
  seq: countSchema,
  /** Hash of the group that ends with `seq`. */
  hash: digestSchema,
})

/** See {@link journalHeadSchema}. */
export type JournalHead = z.infer<typeof journalHeadSchema>

const headsSchema = z.array(journalHeadSchema).max(limit('jobsPerNode'))
/** A `BindingProof`, where membership alone does not show the sender's account. */
const bindingSchema = bytesSchema.refine((bytes) => bytes.byteLength <= limit('documentBytes')).optional()

/**
 * What is asked on a stream of the journal protocol, one request a stream. Only nodes of a job's account are answered.
 *
 * - `follow`: answered with `heads` at once and whenever one moves, until either side ends the stream. `seen`: what the
 *   asker has of the other's journals; who has less than that has lost something.
 * - `pull`: the sealed groups from `fromSeq` on, as many as one answer holds.
 * - `show`: the one group that ends with `seq`, from a journal that is followed: proof of what its coordinator once signed.
 * - `adopt`: the asker takes the job over; the answer is where the journal ends for good. One that has ended otherwise is
 *   refused, unless the adoption `stands` already: then it is noted beside the end.
 * - `part`: bytes of a part file, from `offset` on, of a job that the asker has adopted.
 */
export const journalRequestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('follow'), seen: headsSchema, binding: bindingSchema }),
  z.object({ type: z.literal('pull'), job: jobIdSchema, fromSeq: countSchema, binding: bindingSchema }),
  z.object({ type: z.literal('show'), job: jobIdSchema, seq: countSchema, binding: bindingSchema }),
  z.object({ type: z.literal('adopt'), adoption: signedSchema, stands: z.boolean().optional() }),
  z.object({ type: z.literal('part'), adoption: signedSchema, index: countSchema, offset: countSchema }),
])

/** See {@link journalRequestSchema}. */
export type JournalRequest = z.infer<typeof journalRequestSchema>

/** What is answered. */
export const journalReplySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('heads'), heads: headsSchema, binding: bindingSchema }),
  /** Body: frames, end to end. */
  z.object({ type: z.literal('groups') }),
  z.object({ type: z.literal('adopted'), head: journalHeadSchema }),
  /** Body: bytes of the file, which has `sizeBytes` in all. */
  z.object({ type: z.literal('part'), sizeBytes: countSchema }),
  z.object({ type: z.literal('refused'), code: z.string().max(64), message: z.string().max(1024) }),
])

/** See {@link journalReplySchema}. */
export type JournalReply = z.infer<typeof journalReplySchema>

/** Wire form of a {@link JournalRequest}. */
export const journalRequestCodec: Codec<JournalRequest> = codec({
  name: 'journal-request',
  schema: journalRequestSchema,
  maxBytes: limit('frameHeaderBytes'),
})

/** Wire form of a {@link JournalReply}. */
export const journalReplyCodec: Codec<JournalReply> = codec({
  name: 'journal-reply',
  schema: journalReplySchema,
  maxBytes: limit('frameHeaderBytes'),
})
