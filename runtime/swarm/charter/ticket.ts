import { z } from 'zod'
import {
  type Codec,
  codec,
  hasEnded,
  peerError,
  type Random,
  randomId,
  systemRandom,
  userError,
  wallTimeText,
} from '../../base/index.ts'
import { countSchema, digestSchema } from '../../protocol/names.ts'
import { openDocument, type Signer, signDocument, signedCodec } from '../../protocol/signed.ts'
import { textForm } from '../identity/index.ts'
import { type CharterState, mayAdmit } from './charter-state.ts'
import { type MemberRole, memberRoleSchema } from './membership.ts'

/** Leave for `uses` nodes to join, signed by an admin or a delegate. Who holds it may use it: treat it as a secret. */
export const ticketSchema = z.object({
  cluster: digestSchema,
  /** The cluster's name, for the person who joins. */
  name: z.string().min(1).max(64),
  /** Where to knock: multiaddresses of nodes that can admit, best first. */
  seeds: z.array(z.string().max(256)).min(1).max(8),
  role: memberRoleSchema,
  uses: countSchema.min(1),
  issuedWallMs: countSchema,
  expiresWallMs: countSchema,
  nonce: z.string().min(16).max(64),
})

/** See {@link ticketSchema}. */
export type Ticket = z.infer<typeof ticketSchema>

/** Signed form of a {@link Ticket}. */
export const ticketCodec: Codec<Ticket> = codec({ name: 'ticket', schema: ticketSchema, maxBytes: 4096 })

const ticketText = textForm({ prefix: 'aivida1', what: 'a ticket', code: 'ticket.malformed' })

/** What an inviter decides. */
export interface TicketInit {
  readonly seeds: readonly string[]
  readonly role: MemberRole
  readonly uses: number
  readonly issuedWallMs: number
  readonly expiresWallMs: number
}

/** Issues a ticket, as one word to copy. Throws `ticket.issuer` when the key may not invite, `ticket.terms`. */
export function issueTicket(
  state: CharterState,
  init: TicketInit,
  signer: Signer,
  random: Random = systemRandom,
): string {
  const ticket: Ticket = {
    ...init,
    seeds: [...init.seeds],
    cluster: state.cluster,
    name: state.name,
    nonce: randomId(random, 20),
  }
  const checked = ticketSchema.safeParse(ticket)
  if (!checked.success)
    throw userError('ticket.terms', `no such ticket can be issued: ${z.prettifyError(checked.error)}`)
  assertIssuer(state, signer.publicKey, ticket)
  return ticketText.encode(signedCodec.encode(signDocument(ticketCodec, ticket, signer)))
}

/** A ticket that was opened, and who signed it. */
export interface OpenTicket extends Ticket {
  readonly by: Uint8Array
}

/** Opens a ticket's text: a typo throws `ticket.malformed`, a forgery `signature.*`. */
export function openTicket(text: string): OpenTicket {
  const { value, by } = openDocument(ticketCodec, signedCodec.decode(ticketText.decode(text)))
  return { ...value, by }
}

/** Throws `ticket.expired`. A joiner calls it too, before it knocks. */
export function assertNotExpired(ticket: Ticket, nowWallMs: number): void {
  if (hasEnded(ticket.expiresWallMs, nowWallMs))
    throw userError('ticket.expired', `the ticket ended at ${wallTimeText(ticket.expiresWallMs)}; ask for a new one`)
}

/** Throws `ticket.other-cluster`. */
export function assertSameCluster(state: CharterState, ticket: Ticket): void {
  if (ticket.cluster === state.cluster) return
  const [theirs, ours] = [ticket.cluster, state.cluster].map((cluster) => cluster.slice(0, 12))
  throw userError(
    'ticket.other-cluster',
    `the ticket is for cluster ${ticket.name} (${theirs}...), this one is ${state.name} (${ours}...); ask its admin for one`,
  )
}

/**
 * Throws when a ticket lets no further node in, here and now: `ticket.other-cluster`, `ticket.issuer`,
 * `ticket.expired`, `ticket.used-up`. `used` counts the other nodes that have redeemed it.
 */
export function assertRedeemable(state: CharterState, ticket: OpenTicket, used: number, nowWallMs: number): void {
  assertSameCluster(state, ticket)
  assertIssuer(state, ticket.by, ticket)
  assertNotExpired(ticket, nowWallMs)
  if (used >= ticket.uses)
    throw userError(
      'ticket.used-up',
      `the ticket was good for ${ticket.uses} nodes and all have joined; ask for another`,
    )
}

function assertIssuer(state: CharterState, by: Uint8Array, ticket: Ticket): void {
  if (!mayAdmit(state, by, ticket.issuedWallMs))
    throw peerError('ticket.issuer', `the ticket is signed by a key that may not invite to ${state.name}; ask an admin`)
}
