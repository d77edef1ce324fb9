import { z } from 'zod'
import { bytesSchema, type Codec, codec, limit } from '../base/index.ts'
import { countSchema, digestSchema, jobIdSchema, peerIdSchema } from './names.ts'
import { signedReceiptsSchema } from './receipt.ts'
import { refusalReasonSchema } from './requirements.ts'
import { signedSchema } from './signed.ts'

/** How many of a submitter's shards a node was refused for, by reason; an idle node learns here why it is idle. */
export const refusalCountsSchema = z.partialRecord(refusalReasonSchema, countSchema)

/** See {@link refusalCountsSchema}. */
export type RefusalCounts = z.infer<typeof refusalCountsSchema>

/** Adoptions shown in one message. */
const MAX_ADOPTIONS = 16

const leaseIdSchema = z.string().min(1).max(96)
const leaseIdsSchema = z.array(leaseIdSchema).min(1).max(limit('leasesPerOffer'))

/** Says "I am here", and what else a peer should hear at that rhythm. */
const heartbeatSchema = z.object({
  type: z.literal('heartbeat'),
  sequence: countSchema,
  /** The sender's newest card; a peer that knows an older one asks for nothing, the card follows by itself. */
  cardSequence: countSchema,
  refusals: refusalCountsSchema,
  /** The sender's wall clock, for measuring skew. */
  wallMs: countSchema.optional(),
  /** The last heartbeat heard from the receiver, and how long ago: what is left of the round trip is the way. */
  echo: z.object({ sequence: countSchema, heldMs: z.number().nonnegative() }).optional(),
  /** Whether the sender has a use for this link; one that neither side keeps is closed. Absent: it has. */
  keeps: z.boolean().optional(),
})

const cardMessageSchema = z.object({ type: z.literal('card'), card: signedSchema })

/**
 * Who is about, as far as the sender knows, for peer ids from `from` up to, not including, `to` (empty: no end). An
 * `ask` names everybody in that range; the answer names those whom the asker knows less of, and whose cards it lacks.
 */
const gossipSchema = z.object({
  type: z.literal('gossip'),
  ask: z.boolean(),
  from: z.string().max(64),
  to: z.string().max(64),
  /** The sequence of each member's newest card, and how long ago anybody has heard from it. */
  heard: z
    .array(z.object({ peer: peerIdSchema, sequence: countSchema, ageMs: countSchema }))
    .max(limit('gossipMembers')),
  /** Members whose newer cards the sender would like to have. */
  wants: z.array(peerIdSchema).max(limit('gossipMembers')),
})

/** Cards of members, each with the proof that it is one. */
const cardsSchema = z.object({
  type: z.literal('cards'),
  cards: z
    .array(z.object({ card: signedSchema, membership: signedSchema, ageMs: countSchema }))
    .max(limit('gossipMembers')),
})

/** New charter updates, in order, for a peer that may not have them. */
const charterMessageSchema = z.object({
  type: z.literal('charter'),
  updates: z.array(signedSchema).max(256),
})

/** A member's own word that it leaves. */
const leaveMessageSchema = z.object({ type: z.literal('leave'), leave: signedSchema })

/**
 * Leases for the receiver, and leave to read the job's blobs. `binding` shows that the sender belongs to the account that
 * its leases name, where its membership does not. The body holds inline blobs (see {@link inlineSchema}). */
const offerMessageSchema = z.object({
  type: z.literal('offer'),
  offer: signedSchema,
  grants: z.array(signedSchema).max(limit('leasesPerOffer')),
  inline: z.array(z.object({ blob: z.string(), sizeBytes: countSchema })).max(limit('leasesPerOffer')),
  binding: bytesSchema.refine((bytes) => bytes.byteLength <= limit('documentBytes')).optional(),
})

const acceptSchema = z.object({ type: z.literal('accept'), leases: leaseIdsSchema })

const declineSchema = z.object({
  type: z.literal('decline'),
  leases: z
    .array(
      z.object({
        lease: leaseIdSchema,
        reason: refusalReasonSchema,
        message: z.string().max(1024),
        retryAfterMs: countSchema,
      }),
    )
    .min(1)
    .max(limit('leasesPerOffer')),
  /** Why the epoch is too low: these jobs were adopted. */
  adoptions: z.array(signedSchema).max(MAX_ADOPTIONS).optional(),
})

/** How far a training has come. */
export const trainingProgressSchema = z.object({
  /** Steps of the whole training that are done. */
  step: countSchema,
  /** Of the last step, by name; what is no number is left out. */
  metrics: z.record(z.string().max(64), z.number()),
  rowsPerSecond: z.number().nonnegative(),
})

/** See {@link trainingProgressSchema}. */
export type TrainingProgress = z.infer<typeof trainingProgressSchema>

/** The leases are being worked on: each is extended by its full duration. */
const progressSchema = z.object({
  type: z.literal('progress'),
  leases: leaseIdsSchema,
  /** How far the training under one of these leases has come. Older readers hear of it with the result. */
  training: trainingProgressSchema.extend({ lease: leaseIdSchema }).optional(),
})

/** Finished shards. The body holds the outputs that are small enough, back to back, in the order of `inline`. */
const receiptsSchema = z.object({
  type: z.literal('receipts'),
  batch: signedReceiptsSchema,
  inline: z.array(z.object({ blob: z.string(), sizeBytes: countSchema })).max(limit('leasesPerOffer')),
})

/** Shards that could not be computed here, each with its cause. */
const failedSchema = z.object({
  type: z.literal('failed'),
  leases: z
    .array(
      z.object({
        lease: leaseIdSchema,
        code: z.string().max(128),
        message: z.string().max(4096),
        retryable: z.boolean(),
      }),
    )
    .min(1)
    .max(limit('leasesPerOffer')),
})

/** Why a lease is called off. `superseded`: another worker was first, so work under way may end by itself, unused. */
export const cancelReasonSchema = z.enum(['cancelled', 'superseded'])

/** See {@link cancelReasonSchema}. */
export type CancelReason = z.infer<typeof cancelReasonSchema>

/** The submitter calls leases off; nothing under them is owed. `cancelled` work is killed at once. */
const cancelSchema = z.object({ type: z.literal('cancel'), leases: leaseIdsSchema, reason: cancelReasonSchema })

/** What these leases gave is durable at the submitter, or of no use to it: their outputs may go. */
const settledSchema = z.object({ type: z.literal('settled'), leases: leaseIdsSchema })

/** A job that its coordinator runs. `before`: leases of this epoch from this number on were given after the call. */
const calledJobSchema = z.object({
  job: jobIdSchema,
  epoch: countSchema,
  before: countSchema,
  /** Shows that the caller may speak for it in another's place. */
  adoption: signedSchema.optional(),
})

/** See {@link calledJobSchema}. */
export type CalledJob = z.infer<typeof calledJobSchema>

/**
 * A coordinator names all its running jobs to a worker that has come, or come back: which results do you owe me, and
 * what are you at? A newer epoch than the worker has heard takes the job's leases over.
 */
const rollCallSchema = z.object({
  type: z.literal('roll-call'),
  jobs: z.array(calledJobSchema).max(limit('jobsPerNode')),
})

/** A lease that a worker is at, as it tells a coordinator that may not know it any more. */
const heldLeaseSchema = z.object({
  lease: leaseIdSchema,
  job: jobIdSchema,
  epoch: countSchema,
  shard: digestSchema,
  device: z.string().max(64),
})

/** See {@link heldLeaseSchema}. */
export type HeldLease = z.infer<typeof heldLeaseSchema>

/**
 * The answer to a roll call, after the receipts that were owed: all leases held of these jobs. A lease that was given
 * before the call and is not among them is not being worked on.
 */
const heldMessageSchema = z.object({
  type: z.literal('held'),
  jobs: z.array(calledJobSchema).max(limit('jobsPerNode')),
  leases: z.array(heldLeaseSchema).max(limit('leasesPerWorker')),
  /** Jobs that the caller speaks for no more: they were adopted. */
  adoptions: z.array(signedSchema).max(MAX_ADOPTIONS).optional(),
})

/** Everything that travels on a control stream; bulk data has streams of its own. */
export const controlMessageSchema = z.discriminatedUnion('type', [
  heartbeatSchema,
  cardMessageSchema,
  gossipSchema,
  cardsSchema,
  charterMessageSchema,
  leaveMessageSchema,
  offerMessageSchema,
  acceptSchema,
  declineSchema,
  progressSchema,
  receiptsSchema,
  failedSchema,
  cancelSchema,
  settledSchema,
  rollCallSchema,
  heldMessageSchema,
])

/** See {@link controlMessageSchema}. */
export type ControlMessage = z.infer<typeof controlMessageSchema>

/** One kind of {@link ControlMessage}. */
export type ControlMessageOf<T extends ControlMessage['type']> = Extract<ControlMessage, { type: T }>

/** Wire form: the header of a frame on `/aivida/control/1`. */
export const controlMessageCodec: Codec<ControlMessage> = codec({
  name: 'control',
  schema: controlMessageSchema,
  maxBytes: limit('frameHeaderBytes'),
})

/** The protocols a node speaks, by libp2p protocol id. Everything but hello is closed to outsiders. */
export const PROTOCOLS = {
  hello: '/aivida/hello/1',
  control: '/aivida/control/1',
  blob: '/aivida/blob/1',
  journal: '/aivida/journal/1',
  sharing: '/aivida/sharing/1',
} as const

/** The first thing said on a connection, by the side that dialled: who I am and why you should let me in. */
export const helloSchema = z.object({
  /** Protocol generations the sender speaks; the highest common one is used. */
  versions: z.array(countSchema).min(1).max(16),
  software: z.string().max(64),
  cluster: z.string().max(128),
  membership: signedSchema.optional(),
  /** A ticket to redeem, in its string form, with the request it goes with. */
  ticket: z.string().max(16_384).optional(),
  request: signedSchema.optional(),
  /** Absent while the sender is not a member yet. */
  card: signedSchema.optional(),
  charterLength: countSchema,
})

/** See {@link helloSchema}. */
export type Hello = z.infer<typeof helloSchema>

/** Wire form of a {@link Hello}. */
export const helloCodec: Codec<Hello> = codec({
  name: 'hello',
  schema: helloSchema,
  maxBytes: limit('frameHeaderBytes'),
})

/** The answer to a hello: welcome with the answerer's own proof, or a refusal that says why. */
export const helloReplySchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('welcome'),
    version: countSchema,
    software: z.string().max(64),
    membership: signedSchema,
    /** The newcomer's membership, when a ticket or request was granted. */
    granted: signedSchema.optional(),
    card: signedSchema.optional(),
    genesis: signedSchema,
    updates: z.array(signedSchema).max(limit('charterUpdates')),
    /** Other members' addresses, so that one seed is enough to find everybody. */
    peers: z.array(z.object({ peer: peerIdSchema, addresses: z.array(z.string().max(256)).max(32) })).max(64),
  }),
  z.object({ outcome: z.literal('refused'), code: z.string().max(64), message: z.string().max(1024) }),
])

/** See {@link helloReplySchema}. */
export type HelloReply = z.infer<typeof helloReplySchema>

/** Wire form of a {@link HelloReply}: a frame body, since a long charter outgrows a header. */
export const helloReplyCodec: Codec<HelloReply> = codec({
  name: 'hello-reply',
  schema: helloReplySchema,
  maxBytes: 16 << 20,
})
