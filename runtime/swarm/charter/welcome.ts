import { peerError } from '../../base/index.ts'
import type { HelloReply } from '../../protocol/messages.ts'
import { signedDigest } from '../../protocol/signed.ts'
import { type Charter, mergeUpdates, openCharter } from './charter.ts'
import { assertStanding, type Member, openMembership } from './membership.ts'

/** The parts of a welcome that prove something. */
export type Welcome = Pick<
  Extract<HelloReply, { outcome: 'welcome' }>,
  'genesis' | 'updates' | 'membership' | 'granted'
>

/** What the caller knows before it reads a welcome. */
export interface WelcomeExpected {
  /** The cluster's id, from the ticket or our own charter. */
  readonly cluster: string
  /** Our charter, when we are members already. */
  readonly charter?: Charter | undefined
  /** Who the handshake proved the answerer to be. */
  readonly peer: string
  /** This node. */
  readonly node: string
  readonly nowWallMs: number
}

/** What a welcome proves. */
export interface WelcomeProof {
  /** Our charter with the answerer's updates merged in. */
  readonly charter: Charter
  readonly answerer: Member
  /** The membership that was granted to this node. */
  readonly own: Member | undefined
}

/**
 * The caller's side of admission: whoever answers has to prove that it is a member of the cluster that was called.
 * Throws `charter.*`, `membership.*`, `binding.*`, `signature.*`, `encoding.*`.
 */
export function checkWelcome(expected: WelcomeExpected, welcome: Welcome): WelcomeProof {
  const { cluster, peer, node, nowWallMs } = expected
  if (signedDigest(welcome.genesis) !== cluster)
    throw peerError('charter.other-cluster', `called cluster ${cluster}, ${signedDigest(welcome.genesis)} answered`)
  const charter = expected.charter
    ? mergeUpdates(expected.charter, welcome.updates)
    : openCharter(welcome.genesis, welcome.updates)
  const check = (id: string, document: Welcome['membership']): Member => {
    const member = openMembership(document)
    if (member.node !== id)
      throw peerError('membership.node', `expected the membership of ${id}, found ${member.node}'s`)
    assertStanding(charter.state, member, nowWallMs)
    return member
  }
  return { charter, answerer: check(peer, welcome.membership), own: welcome.granted && check(node, welcome.granted) }
}
