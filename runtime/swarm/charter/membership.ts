import { z } from 'zod'
import { type Codec, codec, type Digest, hasEnded, limit, peerError, wallTimeText } from '../../base/index.ts'
import { countSchema, digestSchema, peerIdSchema } from '../../protocol/names.ts'
import { openDocument, peerIdOf, type Signed, type Signer, signDocument, signedDigest } from '../../protocol/signed.ts'
import { bindingProofSchema, openBinding } from '../identity/index.ts'
import { type CharterState, mayAdmit } from './charter-state.ts'

/** What a member is there for: submit jobs, work on shards, or both. */
export const memberRoleSchema = z.enum(['member', 'worker', 'submitter'])

/** See {@link memberRoleSchema}. */
export type MemberRole = z.infer<typeof memberRoleSchema>

/**
 * That a node is a member. Signed by an admin or a delegate; signed by the node itself it is a request to join, which
 * an open cluster takes for a membership.
 */
export const membershipSchema = z.object({
  cluster: digestSchema,
  node: peerIdSchema,
  role: memberRoleSchema,
  /** The node's account, proven by both keys. */
  binding: bindingProofSchema.optional(),
  admittedWallMs: countSchema,
  /** Holds without end, when absent. */
  expiresWallMs: countSchema.optional(),
  /** Nonce of the ticket that was redeemed for it. */
  ticket: z.string().max(64).optional(),
})

/** See {@link membershipSchema}. */
export type Membership = z.infer<typeof membershipSchema>

/** Signed form of a {@link Membership}. */
export const membershipCodec: Codec<Membership> = codec({
  name: 'membership',
  schema: membershipSchema,
  maxBytes: limit('documentBytes'),
})

/** A membership that was opened and checked. */
export interface Member extends Readonly<Membership> {
  /** The account of its binding. */
  readonly account: string | undefined
  /** Public key of the signer. */
  readonly by: Uint8Array
  readonly document: Signed
  /** Hash of the document: the member's leaf in the roster's tree. */
  readonly digest: Digest
}

/** Signs a membership, or with the node's own key a request. */
export function signMembership(membership: Membership, signer: Signer): Member {
  return openMembership(signDocument(membershipCodec, membership, signer))
}

/**
 * Opens a membership or a request: its signature, its content and the binding it carries. Whether it counts is
 * {@link assertStanding}'s question. Throws `signature.*`, `encoding.*`, `binding.*`, `membership.binding`.
 */
export function openMembership(document: Signed): Member {
  const { value, by } = openDocument(membershipCodec, document)
  // As of admission: a binding that ends later does not reach back into the roster.
  const binding = value.binding && openBinding(value.binding, value.cluster, value.admittedWallMs)
  if (binding && binding.node !== value.node)
    throw peerError('membership.binding', `the membership of ${value.node} carries a binding of ${binding.node}`)
  return { ...value, account: binding?.account, by, document, digest: signedDigest(document) }
}

/**
 * Throws when a membership does not count at this time under this charter: `membership.other-cluster`,
 * `membership.removed`, `membership.issuer`, `membership.expired`.
 */
export function assertStanding(state: CharterState, member: Member, nowWallMs: number): void {
  if (member.cluster !== state.cluster)
    throw peerError(
      'membership.other-cluster',
      `the membership is of cluster ${member.cluster}, this is ${state.cluster}`,
    )
  assertNotRemoved(state, member.node, member.account)
  const selfSigned = state.admission === 'open' && isRequest(member)
  if (!selfSigned && !mayAdmit(state, member.by, member.admittedWallMs))
    throw peerError(
      'membership.issuer',
      `the membership of ${member.node} is signed by a key that may not admit members; ask an admin for a ticket`,
    )
  if (member.expiresWallMs !== undefined && hasEnded(member.expiresWallMs, nowWallMs))
    throw peerError(
      'membership.expired',
      `the membership of ${member.node} ended at ${wallTimeText(member.expiresWallMs)}; ask an admin for a ticket`,
    )
}

/** Throws `membership.removed` when an admin has removed the node, or the account it belongs to. */
export function assertNotRemoved(state: CharterState, node: string, account: string | undefined): void {
  const removed = [node, account].find((id) => id !== undefined && state.removed.has(id))
  if (removed !== undefined)
    throw peerError('membership.removed', `${removed} was removed from cluster ${state.name} by an admin; ask one`)
}

/** Whether the node itself signed: it asks. */
export function isRequest(member: Member): boolean {
  return member.node === peerIdOf(member.by)
}

const leaveSchema = z.object({ cluster: digestSchema, node: peerIdSchema, leftWallMs: countSchema })

/** A node's own word that it leaves: memberships dated before it no longer count. */
export type Leave = z.infer<typeof leaveSchema>

const leaveCodec: Codec<Leave> = codec({ name: 'leave', schema: leaveSchema, maxBytes: 1024 })

/** Signs a {@link Leave} with the node's key. */
export function signLeave(cluster: Digest, node: Signer, leftWallMs: number): Signed {
  return signDocument(leaveCodec, { cluster, node: peerIdOf(node.publicKey), leftWallMs }, node)
}

/** A {@link Leave} that was opened and checked. */
export interface OpenLeave extends Leave {
  readonly document: Signed
}

/** Opens a leave. Throws `membership.other-cluster`, `membership.leave` when another key signed it, `signature.*`. */
export function openLeave(cluster: Digest, document: Signed): OpenLeave {
  const { value, by } = openDocument(leaveCodec, document)
  if (value.cluster !== cluster)
    throw peerError('membership.other-cluster', `the leave is of cluster ${value.cluster}, this is ${cluster}`)
  if (value.node !== peerIdOf(by))
    throw peerError('membership.leave', `only ${value.node} can say that it leaves; ${peerIdOf(by)} signed`)
  return { ...value, document }
}
