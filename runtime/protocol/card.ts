import { z } from 'zod'
import { type Codec, codec, limit } from '../base/index.ts'
import { accountIdSchema, countSchema, peerIdSchema } from './names.ts'
import { deviceSchema } from './requirements.ts'

/** What a node says of itself, signed with its key: who it is, where to reach it, what it runs. The highest
 * sequence wins; an expired card counts for nothing. */
export const nodeCardSchema = z.object({
  node: peerIdSchema,
  account: accountIdSchema.optional(),
  name: z.string().max(64),
  software: z.string().max(64),
  sequence: countSchema,
  issuedWallMs: countSchema,
  expiresWallMs: countSchema,
  addresses: z.array(z.string().max(256)).max(32),
  devices: z.array(deviceSchema).max(64),
})

/** See {@link nodeCardSchema}. */
export type NodeCard = z.infer<typeof nodeCardSchema>

/** Wire and disk form of a {@link NodeCard}. */
export const nodeCardCodec: Codec<NodeCard> = codec({
  name: 'card',
  schema: nodeCardSchema,
  maxBytes: limit('documentBytes'),
})
