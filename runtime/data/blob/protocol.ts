import { z } from 'zod'
import { bytesSchema, codec, limit } from '../../base/index.ts'
import { countSchema, digestSchema } from '../../protocol/index.ts'

/** The stream protocol that {@link serveBlobs} answers and {@link fetchBlob} speaks. */
export const BLOB_PROTOCOL = '/aivida/blob/1'

/**
 * What a fetcher asks. `open` names the blob that later `chunk` requests of this stream mean; its answer is the content
 * itself when that is one chunk or less (one round trip), else the tree if wanted. Requests may be sent ahead; answers
 * come in their order.
 */
export const blobRequestCodec = codec({
  name: 'blob request',
  maxBytes: limit('documentBytes') + 1024,
  schema: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('open'),
      blob: digestSchema,
      /** A signed grant; absent where a peer needs none. */
      grant: bytesSchema.optional(),
      /** Send the chunk digests. */
      tree: z.boolean(),
    }),
    z.object({ type: z.literal('chunk'), index: countSchema }),
  ]),
})

/** What a provider answers; the bytes come as the body of the frame. */
export const blobReplyCodec = codec({
  name: 'blob reply',
  maxBytes: 16 * 1024,
  schema: z.discriminatedUnion('type', [
    /** Body: the whole blob. */
    z.object({ type: z.literal('content'), sizeBytes: countSchema }),
    /** Body: packed chunk digests; empty when they were not wanted. */
    z.object({ type: z.literal('tree'), sizeBytes: countSchema }),
    /** Body: the chunk. */
    z.object({ type: z.literal('chunk'), index: countSchema }),
    z.object({ type: z.literal('refused'), code: z.string().max(64), message: z.string().max(1024) }),
  ]),
})
