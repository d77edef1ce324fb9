import { z } from 'zod'
import { bytesSchema, codec, limit } from '../../base/index.ts'
import { countSchema, digestSchema, peerIdSchema } from '../../protocol/index.ts'

/**
 * What a fetcher asks. `open` names the blob that later `chunk` requests of this stream mean; its answer is the content
 * itself when that is one chunk or less (one round trip), else the tree if wanted. Requests may be sent ahead; answers
 * come in their order. What was added later is used only between sides that both said so in `open` and its answer.
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
      /** A part of the blob will do, and news of it is welcome. */
      partial: z.boolean().optional(),
    }),
    z.object({ type: z.literal('chunk'), index: countSchema }),
    /** One of the chunks whose bits are set, counted from `from`; asked only of who said `chooses`. */
    z.object({
      type: z.literal('any'),
      from: countSchema,
      wanted: bytesSchema.refine((bits) => bits.byteLength <= limit('blobChoiceChunks') / 8, 'too many bits'),
    }),
  ]),
})

/** What a provider answers; the bytes come as the body of the frame. `news` comes by itself, between answers. */
export const blobReplyCodec = codec({
  name: 'blob reply',
  maxBytes: limit('blobBytes') / limit('chunkBytes') / 8 + 64 * 1024,
  schema: z.discriminatedUnion('type', [
    /** Body: the whole blob. */
    z.object({ type: z.literal('content'), sizeBytes: countSchema }),
    /** Body: packed chunk digests; empty when they were not wanted. */
    z.object({
      type: z.literal('tree'),
      sizeBytes: countSchema,
      /** A bit for each chunk that is here, when not all are; more follow as `news`. */
      have: bytesSchema.optional(),
      /** Takes `any`. */
      chooses: z.boolean().optional(),
    }),
    /** Body: the chunk. */
    z.object({ type: z.literal('chunk'), index: countSchema }),
    /** To `any`: other readers were given all of these and will pass them on. */
    z.object({ type: z.literal('none') }),
    /** Chunks that have come here since, and peers that read this blob here, too. */
    z.object({
      type: z.literal('news'),
      have: z.array(countSchema).max(limit('blobChoiceChunks')),
      peers: z.array(peerIdSchema).max(limit('blobProviders')),
    }),
    z.object({ type: z.literal('refused'), code: z.string().max(64), message: z.string().max(1024) }),
  ]),
})
