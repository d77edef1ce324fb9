import { z } from 'zod'
import { bytesSchema, type Codec, codec, limit } from '../base/index.ts'
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
  /** The adopter's first epoch, the first of a {@link generation}. */
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

/** Epochs that a coordinator may go through by starting anew, before it would meet those of its adopter. */
const GENERATION = 1 << 20

/** The first epoch that no restart of the coordinator of `epoch` will reach. */
export function nextGeneration(epoch: number): number {
  return (Math.floor(epoch / GENERATION) + 1) * GENERATION
}

/** Which of two claims to a job counts: the higher epoch, and of two that adopted it at once, always the same one. */
export function outranks(
  one: { readonly epoch: number; readonly node: string },
  other: { readonly epoch: number; readonly node: string },
): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.node > other.node)
}
