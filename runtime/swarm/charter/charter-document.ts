import { z } from 'zod'
import { type Codec, codec, limit } from '../../base/index.ts'
import { accountIdSchema, countSchema, digestSchema, microCreditsSchema, peerIdSchema } from '../../protocol/names.ts'

/** How strangers become members: with a ticket, after an admin agreed, or by asking. */
export const admissionModeSchema = z.enum(['ticket', 'approval', 'open'])

/** See {@link admissionModeSchema}. */
export type AdmissionMode = z.infer<typeof admissionModeSchema>

/** A key that an admin trusts to invite and admit, and nothing else: a node's, so that admin keys can stay offline. */
const delegateSchema = z.union([peerIdSchema, accountIdSchema])

/** What the cluster trades by. Each field is absent until the part that reads it is in use. */
export const termsSchema = z.object({
  /** The node that keeps the credit ledger, and its epoch: a newer one fences the older. */
  ledger: z.object({ host: peerIdSchema, epoch: countSchema }).optional(),
  /** Micro-credits for one reference unit of work, by tier. */
  prices: z.record(z.string().max(64), microCreditsSchema).optional(),
  tiers: z.array(z.string().max(64)).max(64).optional(),
  /** Where to find the cluster: addresses of nodes that are mostly up, each ending in `/p2p/<peer>`. */
  seeds: z.array(z.string().max(256)).max(16).optional(),
  /** Settlement rails by CAIP-2 id. */
  rails: z.array(z.string().max(128)).max(16).optional(),
})

/** See {@link termsSchema}. */
export type Terms = z.infer<typeof termsSchema>

/** The first document of a cluster, signed by one of its admins; the cluster is named by its hash. */
export const genesisSchema = z.object({
  name: z.string().min(1).max(64),
  createdWallMs: countSchema,
  admins: z.array(accountIdSchema).min(1).max(limit('admins')),
  delegates: z.array(delegateSchema).max(limit('admins')),
  admission: admissionModeSchema,
  terms: termsSchema,
})

/** See {@link genesisSchema}. */
export type Genesis = z.infer<typeof genesisSchema>

/** Signed form of a {@link Genesis}. */
export const genesisCodec: Codec<Genesis> = codec({
  name: 'genesis',
  schema: genesisSchema,
  maxBytes: limit('documentBytes'),
})

/**
 * What becomes of the memberships that a departing admin or delegate signed. `keep`: those dated before this update
 * stay good. `void`: none does; for a key that was stolen, since its holder can put any date on what they sign.
 */
const signedBeforeSchema = z.enum(['keep', 'void'])

/** One change to a charter. */
export const changeSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('add-admin'), admin: accountIdSchema }),
  z.object({ type: z.literal('remove-admin'), admin: accountIdSchema, signedBefore: signedBeforeSchema }),
  z.object({ type: z.literal('add-delegate'), delegate: delegateSchema }),
  z.object({ type: z.literal('remove-delegate'), delegate: delegateSchema, signedBefore: signedBeforeSchema }),
  z.object({ type: z.literal('admission'), admission: admissionModeSchema }),
  /** A node, or every node of an account. */
  z.object({
    type: z.literal('remove-member'),
    member: z.union([peerIdSchema, accountIdSchema]),
    reason: z.string().max(256).optional(),
  }),
  z.object({ type: z.literal('readmit-member'), member: z.union([peerIdSchema, accountIdSchema]) }),
  /** Replaces the fields given, keeps the others. */
  z.object({ type: z.literal('terms'), terms: termsSchema }),
])

/** See {@link changeSchema}. */
export type Change = z.infer<typeof changeSchema>

/** One link of a charter's chain, signed by an admin of the state it follows on. */
export const updateSchema = z.object({
  cluster: digestSchema,
  /** 1 for the first update after the genesis, then one more each. */
  version: countSchema.min(1),
  /** Hash of the signed document before: the update `version - 1`, or the genesis. */
  previous: digestSchema,
  atWallMs: countSchema,
  change: changeSchema,
})

/** See {@link updateSchema}. */
export type Update = z.infer<typeof updateSchema>

/** Signed form of an {@link Update}. */
export const updateCodec: Codec<Update> = codec({
  name: 'charter-update',
  schema: updateSchema,
  maxBytes: limit('documentBytes'),
})
