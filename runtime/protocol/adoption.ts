import { z } from 'zod'
import { bytesSchema, type Codec, codec, limit, sha256 } from '../base/index.ts'
import { accountIdSchema, countSchema, digestSchema, jobIdSchema, peerIdSchema } from './names.ts'

/**
 * A node's word that it coordinates a job from now on in another's place. Signed by the adopter; that it may - it belongs
 * to the job's account - is shown by `binding`, or by its membership.
 */
export const adoptionSchema = z.object({
  job: jobIdSchema,
  /** Whose job it is. */
  account: accountIdSchema,
  /** The adopter. */
  node: peerIdSchema,
  /** Whose place it takes. */
  from: peerIdSchema,
  /** The adopter's first epoch: see {@link adoptedEpoch}. */
  epoch: countSchema,
  /** The last entry of the journal that it goes on from, and the hash of its group. */
  seq: countSchema,
  hash: digestSchema,
  atWallMs: countSchema,
  /** A `BindingProof` of node and account. */
  binding: bytesSchema.optional(),
})

/** See {@link adoptionSchema}. */
export type Adoption = z.infer<typeof adoptionSchema>

/** Signed form of an {@link Adoption}. */
export const adoptionCodec: Codec<Adoption> = codec({
  name: 'adoption',
  schema: adoptionSchema,
  maxBytes: limit('documentBytes'),
})

/** Epochs of a term: how often a coordinator may start anew. */
const TERM = 2 ** 20
/** Terms that are open to the adopters of one job at the same time: two of them are one in a million to choose the same. */
const RANKS = 2 ** 20

/** Which term an epoch belongs to: all epochs of a job's coordinator, from its adoption on, are of one, and of nobody else's. */
export function termOf(epoch: number): number {
  return Math.floor(epoch / TERM)
}

/**
 * The first epoch of a node that adopts a job from the coordinator of `before`: no restart of that one reaches it, and of two
 * nodes that adopt the job at once, without a word of each other, all epochs of one lie above all epochs of the other. So
 * workers, who go by epochs alone, all come to the same coordinator. Good for 8,191 adoptions of a job.
 */
export function adoptedEpoch(before: number, node: string): number {
  const round = Math.floor(termOf(before) / RANKS) + 1
  const rank = Number.parseInt(sha256(new TextEncoder().encode(node)).slice(0, 5), 16)
  return (round * RANKS + rank) * TERM
}

/** Which of two claims to a job counts: the higher epoch, and of two with the same one always the same node. */
export function outranks(
  one: { readonly epoch: number; readonly node: string },
  other: { readonly epoch: number; readonly node: string },
): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.node > other.node)
}
