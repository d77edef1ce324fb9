import { z } from 'zod'
import { bytesSchema, type Codec, codec, limit } from '../base/index.ts'
import { jobStatusSchema } from './job.ts'
import { blobRefSchema, countSchema, jobIdSchema } from './names.ts'
import { jobRecordSchema } from './record.ts'

/** A `BindingProof`, where membership alone does not show the asker's account. */
const bindingSchema = bytesSchema.refine((bytes) => bytes.byteLength <= limit('documentBytes')).optional()
/** A file of a folder, never a way out of it. */
const fileNameSchema = z.string().regex(/^(?!\.{1,2}$)[^/\\\0]{1,256}$/, 'expected the name of a file')

/**
 * What a reader asks a node that coordinates, or coordinated, a job: one request a stream. Readers are nodes of the accounts that
 * the job was shared with, and of its own. A job that was not is answered for as one that does not exist.
 *
 * - `jobs`: all that the asker may read here.
 * - `status`: where one stands.
 * - `record`: how it has gone so far, and the files that it has come to.
 * - `file`: one of these as a blob, which the asker may then read here, for `sharedBlobMs`.
 */
export const sharedRequestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('jobs'), binding: bindingSchema }),
  z.object({ type: z.literal('status'), job: jobIdSchema, binding: bindingSchema }),
  z.object({ type: z.literal('record'), job: jobIdSchema, binding: bindingSchema }),
  z.object({ type: z.literal('file'), job: jobIdSchema, name: fileNameSchema, binding: bindingSchema }),
])

/** See {@link sharedRequestSchema}. */
export type SharedRequest = z.infer<typeof sharedRequestSchema>

/** What is answered. */
export const sharedReplySchema = z.discriminatedUnion('type', [
  /** Body: {@link sharedJobsCodec}. */
  z.object({ type: z.literal('jobs') }),
  /** Without folders of the answerer's machine; `outputDir` is empty. */
  z.object({ type: z.literal('status'), status: jobStatusSchema }),
  /** Body: {@link sharedRecordCodec}. */
  z.object({ type: z.literal('record') }),
  z.object({ type: z.literal('file'), ref: blobRefSchema }),
  z.object({ type: z.literal('refused'), code: z.string().max(64), message: z.string().max(1024) }),
])

/** See {@link sharedReplySchema}. */
export type SharedReply = z.infer<typeof sharedReplySchema>

/** Wire form of a {@link SharedRequest}. */
export const sharedRequestCodec: Codec<SharedRequest> = codec({
  name: 'shared-request',
  schema: sharedRequestSchema,
  maxBytes: limit('frameHeaderBytes'),
})

/** Wire form of a {@link SharedReply}. */
export const sharedReplyCodec: Codec<SharedReply> = codec({
  name: 'shared-reply',
  schema: sharedReplySchema,
  maxBytes: limit('frameHeaderBytes'),
})

const sharedJobsSchema = z.object({ jobs: z.array(jobStatusSchema).max(limit('sharedJobs')) })

/** Wire form of the jobs that a reader may read at a node, newest first. */
export const sharedJobsCodec: Codec<z.infer<typeof sharedJobsSchema>> = codec({
  name: 'shared-jobs',
  schema: sharedJobsSchema,
  maxBytes: limit('sharedRecordBytes'),
})

const sharedRecordSchema = z.object({
  /** Without folders of the answerer's machine. */
  record: jobRecordSchema,
  /** Parts so far and, once the job has ended, what else it came to: names in its output folder. */
  files: z.array(z.object({ name: fileNameSchema, sizeBytes: countSchema })).max(limit('archiveFiles')),
})

/** How a job has gone, and what it has come to, as its readers are told. */
export type SharedRecord = z.infer<typeof sharedRecordSchema>

/** Wire form of a {@link SharedRecord}. */
export const sharedRecordCodec: Codec<SharedRecord> = codec({
  name: 'shared-record',
  schema: sharedRecordSchema,
  maxBytes: limit('sharedRecordBytes'),
})
