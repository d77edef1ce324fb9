import type { Signer } from '../../../runtime/protocol/signed.ts'
import {
  type AdmissionMode,
  amendCharter,
  type Change,
  type Charter,
  foundCharter,
  type Genesis,
  issueTicket,
  type Member,
  type Membership,
  openTicket,
  signMembership,
  type TicketInit,
} from '../../../runtime/swarm/charter/index.ts'
import type { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { accountOf, peerOf, sampleKey } from '../identity/sample-keys.ts'

/** Accounts that are or become admins, and one that never is. */
export const [admin, deputy, outsider] = [sampleKey(1), sampleKey(2), sampleKey(3)]
/** The founder's node, a delegate; and newcomers. */
export const [seed, alice, bob] = [sampleKey(11), sampleKey(12), sampleKey(13)]

/** When everything here happens, ms since the Unix epoch. */
export const NOW = Date.UTC(2026, 0, 1)
export const DAY = 86_400_000

/** The genesis that the samples start from. */
export const genesis: Genesis = {
  name: 'sample',
  createdWallMs: NOW,
  admins: [accountOf(admin)],
  delegates: [peerOf(seed)],
  admission: 'ticket',
  terms: {},
}

/** A charter with one admin, one delegate, and these changes signed by the admin, one second apart. */
export function sampleCharter(changes: readonly Change[] = [], admission: AdmissionMode = 'ticket'): Charter {
  return changes.reduce(
    (charter, change, at) => amendCharter(charter, change, admin, NOW + 1000 * (at + 1)),
    foundCharter({ ...genesis, admission }, admin),
  )
}

/** A membership of a node in the cluster of this charter, signed by the admin unless told otherwise. */
export function sampleMember(
  charter: Charter,
  node: SecretKey,
  init: Partial<Membership> = {},
  signer: Signer = admin,
): Member {
  const { cluster } = charter.state
  return signMembership({ cluster, node: peerOf(node), role: 'member', admittedWallMs: NOW, ...init }, signer)
}

/** A ticket of this cluster for two nodes, good for a day. */
export function sampleTicket(charter: Charter, init: Partial<TicketInit> = {}, signer: Signer = seed): string {
  const seeds = [`/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${peerOf(seed)}`]
  const ticket = { seeds, role: 'worker' as const, uses: 2, issuedWallMs: NOW, expiresWallMs: NOW + DAY, ...init }
  return issueTicket(charter.state, ticket, signer)
}

/** The nonce of a ticket's text. */
export const nonceOf = (ticket: string): string => openTicket(ticket).nonce
