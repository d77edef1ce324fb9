import { z } from 'zod'
import { countSchema, peerIdSchema } from './names.ts'

/** Why a node counts as cut off: it sees nobody at all, or fewer than half of the members it knows to be about. */
export const islandKindSchema = z.enum(['alone', 'minority'])

/** See {@link islandKindSchema}. */
export type IslandKind = z.infer<typeof islandKindSchema>

/** Where a seed was learnt: the node's configuration, its ticket, the cluster's charter, or its last run. */
export const seedSourceSchema = z.enum(['config', 'ticket', 'charter', 'cached'])

/** See {@link seedSourceSchema}. */
export type SeedSource = z.infer<typeof seedSourceSchema>

/** How the swarm looks from one node: whom it reaches, whom it misses, and how its clock stands. */
export const networkViewSchema = z.object({
  /** Members this node has a connection to. */
  connected: countSchema,
  /** Members that are about: connected, or heard of through others lately. */
  reachable: countSchema,
  /** Other members by charter and roster, whether or not they are about. */
  known: countSchema,
  /** The carrier of most connections; absent while there are none. `tcp` means that UDP does not get through. */
  carrier: z.enum(['quic', 'tcp', 'memory']).optional(),
  /** Members that did not say goodbye and cannot be reached through anybody; at most 64 are named. */
  missing: z.array(z.object({ peer: peerIdSchema, name: z.string(), sinceWallMs: countSchema })).max(64),
  /** Present while this node seems to be cut off. */
  island: z
    .object({
      kind: islandKindSchema,
      sinceWallMs: countSchema,
      /** One plain sentence: since when, who was tried and why it failed, what to do. */
      message: z.string(),
    })
    .optional(),
  /** Median over peers of our clock minus theirs, ms: positive when ours is ahead. Absent until it was measured. */
  clockSkewMs: z.number().optional(),
  /** Where this node looks for the swarm when it starts or is alone, in the order tried. */
  seeds: z.array(
    z.object({
      address: z.string(),
      source: seedSourceSchema,
      /** Why the last try failed; absent when it did not, or none was made. */
      lastError: z.object({ code: z.string(), message: z.string() }).optional(),
      /** When it was last tried, and last reached. */
      triedWallMs: countSchema.optional(),
      reachedWallMs: countSchema.optional(),
    }),
  ),
})

/** See {@link networkViewSchema}. */
export type NetworkView = z.infer<typeof networkViewSchema>
