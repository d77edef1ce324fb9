import { z } from 'zod'
import { jobStatusSchema, resultPartSchema } from './job.ts'
import { refusalCountsSchema, trainingProgressSchema } from './messages.ts'
import { countSchema, digestSchema, jobIdSchema, peerIdSchema } from './names.ts'
import { networkViewSchema } from './network.ts'
import { deviceSchema } from './requirements.ts'

const base = { seq: countSchema, atWallMs: countSchema }

/** What a peer did wrong: the last of it, and how often. */
export const conductViewSchema = z.object({
  code: z.string(),
  message: z.string(),
  count: countSchema,
  lastWallMs: countSchema,
  /** It is kept out until then; absent when it is not. */
  gatedUntilWallMs: countSchema.optional(),
})

/** See {@link conductViewSchema}. */
export type ConductView = z.infer<typeof conductViewSchema>

/** A peer as its neighbours see it. */
export const peerViewSchema = z.object({
  peer: peerIdSchema,
  name: z.string(),
  self: z.boolean(),
  state: z.enum(['alive', 'suspect', 'lost', 'gated']),
  /** `none`: heard of through others; a link is made when there is something to send. */
  carrier: z.enum(['quic', 'tcp', 'memory', 'self', 'none']),
  address: z.string(),
  software: z.string(),
  role: z.string(),
  silentMs: z.number(),
  devices: z.array(deviceSchema),
  /** Why this peer, as a submitter, did not give us shards. */
  refusals: refusalCountsSchema,
  /** Absent when nothing is held against it. */
  conduct: conductViewSchema.optional(),
})

/** See {@link peerViewSchema}. */
export type PeerView = z.infer<typeof peerViewSchema>

/**
 * The one typed event stream of a node. `seq` grows by one with each event, across restarts too; a client that
 * reconnects with `?after=SEQ` misses none that is still held, and hears of a `gap` otherwise.
 */
export const nodeEventSchema = z.discriminatedUnion('type', [
  z.object({ ...base, type: z.literal('job'), status: jobStatusSchema }),
  z.object({
    ...base,
    type: z.literal('shard'),
    job: jobIdSchema,
    shard: digestSchema,
    phase: z.enum(['leased', 'declined', 'copied', 'lapsed', 'accepted', 'retried', 'poison', 'cancelled']),
    worker: peerIdSchema.optional(),
    reason: z.string().optional(),
  }),
  z.object({ ...base, type: z.literal('part'), job: jobIdSchema, part: resultPartSchema }),
  /** A training goes on: the last of its steps, some times a second. Each step is in the metrics of its part. */
  z.object({
    ...base,
    type: z.literal('training'),
    job: jobIdSchema,
    worker: peerIdSchema,
    ...trainingProgressSchema.shape,
  }),
  z.object({ ...base, type: z.literal('peer'), peer: peerViewSchema }),
  /** This node was cut off or is so no longer, or its clock went wrong or right again. */
  z.object({ ...base, type: z.literal('network'), network: networkViewSchema }),
  z.object({ ...base, type: z.literal('device'), devices: z.array(deviceSchema) }),
  z.object({
    ...base,
    type: z.literal('sample'),
    /** Share of one core this node's process used since the last sample. */
    cpu: z.number(),
    rssBytes: countSchema,
    loopDelayMs: z.number(),
    running: countSchema,
    queued: countSchema,
  }),
  /** Events between the reader's position and `oldest` are gone; a snapshot of the present state follows. */
  z.object({ ...base, type: z.literal('gap'), after: countSchema, oldest: countSchema }),
])

/** The types of {@link nodeEventSchema}. */
export const EVENT_TYPES = nodeEventSchema.options.map((option) => option.shape.type.value)

/** See {@link nodeEventSchema}. */
export type NodeEvent = z.infer<typeof nodeEventSchema>

/** An event before the node has numbered it. */
export type NodeEventBody = NodeEvent extends infer E
  ? E extends NodeEvent
    ? Omit<E, 'seq' | 'atWallMs'>
    : never
  : never
