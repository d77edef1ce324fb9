import { type AividaError, isAividaError, peerError, userError } from '../../base/index.ts'
import type { Hello } from '../../protocol/messages.ts'
import type { Signed } from '../../protocol/signed.ts'
import { openBinding } from '../identity/index.ts'
import type { CharterState } from './charter-state.ts'
import {
  assertNotRemoved,
  assertStanding,
  isRequest,
  type Member,
  type MemberRole,
  type Membership,
  openLeave,
  openMembership,
} from './membership.ts'
import { hasLeft, type Roster } from './roster.ts'
import { assertRedeemable, assertSameCluster, type OpenTicket, openTicket } from './ticket.ts'
import type { TicketLedger } from './ticket-ledger.ts'

/** What a newcomer says that matters at the door. */
export type AdmissionHello = Pick<Hello, 'versions' | 'cluster' | 'membership' | 'ticket' | 'request'> & {
  readonly leave?: Signed | undefined
}

/** What the decision is made from. */
export interface AdmissionDesk {
  readonly state: CharterState
  readonly roster: Pick<Roster, 'member' | 'leftWallMs' | 'admittedBy'>
  readonly tickets: Pick<TicketLedger, 'redeemedBy'>
  /** Whether this node holds a key that may sign memberships. */
  readonly canAdmit: boolean
  /** Protocol generations that this node speaks. */
  readonly protocolVersions: readonly number[]
  readonly nowWallMs: number
}

/** Who comes in, and what is to be done for it. */
export type Admission =
  /** A member. Its document may be news to it: one that an admin approved, or that a lost reply carried. */
  | { readonly outcome: 'admitted'; readonly version: number; readonly member: Member }
  /** Comes in once the ticket's use is on record and the membership is signed. */
  | { readonly outcome: 'granted'; readonly version: number; readonly membership: Membership & { ticket: string } }
  /** Waits for an admin. */
  | { readonly outcome: 'pending'; readonly request: Member; readonly code: string; readonly message: string }
  | { readonly outcome: 'left'; readonly leave: Signed }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string }

/**
 * Decides whether `peer`, whose key the handshake has proven, is a member or becomes one. Refusals carry the codes
 * `hello.version`, `hello.other-cluster`, `hello.no-admitter`, `membership.*`, `ticket.*`, `binding.*`, `signature.*`,
 * `encoding.*`.
 */
export function admit(desk: AdmissionDesk, peer: string, hello: AdmissionHello): Admission {
  try {
    return decide(desk, peer, hello)
  } catch (error) {
    if (!isAividaError(error) || error.category === 'internal') throw error
    return { outcome: 'refused', code: error.code, message: error.message }
  }
}

function decide(desk: AdmissionDesk, peer: string, hello: AdmissionHello): Admission {
  const { state } = desk
  const version = commonVersion(desk.protocolVersions, hello.versions)
  if (hello.leave) return { outcome: 'left', leave: ownLeave(state, peer, hello.leave) }

  const ticket = hello.ticket === undefined ? undefined : openTicket(hello.ticket)
  if (ticket) assertSameCluster(state, ticket)
  if (hello.cluster !== state.cluster)
    throw peerError('hello.other-cluster', `this is cluster ${state.name} (${state.cluster}), not ${hello.cluster}`)
  const request = hello.request && ownRequest(desk, peer, hello.request)
  assertNotRemoved(state, peer, request?.account)

  const { member, refusal } = knownMember(desk, peer, hello.membership, request)
  if (member) return { outcome: 'admitted', version, member }
  if (ticket) return grant(desk, version, peer, ticket, request)
  if (request && state.admission === 'approval') return pending(desk, request)
  throw refusal ?? needed(state)
}

/** The membership of a node that comes in now: dated after it left, if it did. */
export function membershipFor(
  { state, roster, nowWallMs }: Pick<AdmissionDesk, 'state' | 'roster' | 'nowWallMs'>,
  node: string,
  role: MemberRole,
  request: Member | undefined,
): Membership {
  const admittedWallMs = Math.max(nowWallMs, (roster.leftWallMs(node) ?? -1) + 1)
  return { cluster: state.cluster, node, role, admittedWallMs, ...(request?.binding && { binding: request.binding }) }
}

function commonVersion(ours: readonly number[], theirs: readonly number[]): number {
  const common = ours.filter((version) => theirs.includes(version))
  if (common.length === 0)
    throw peerError(
      'hello.version',
      `this node speaks protocol ${ours.join(', ')}, the caller ${theirs.join(', ')}; update the older aivida of the two`,
    )
  return Math.max(...common)
}

function ownLeave(state: CharterState, peer: string, document: Signed): Signed {
  assertOwn(peer, openLeave(state.cluster, document).node)
  return document
}

function ownRequest({ state, nowWallMs }: AdmissionDesk, peer: string, document: Signed): Member {
  const request = openMembership(document)
  if (request.binding) openBinding(request.binding, state.cluster, nowWallMs)
  assertOwn(peer, request.node)
  if (!isRequest(request) || request.cluster !== state.cluster)
    throw peerError('membership.request', `expected a request to join ${state.cluster} that ${peer} signed itself`)
  return request
}

function assertOwn(peer: string, node: string): void {
  if (node !== peer)
    throw peerError('membership.node', `${peer} showed a document of ${node}; each node brings its own`)
}

/** The first membership of the peer that counts; else why the first one does not. In an open cluster asking is enough. */
function knownMember(
  desk: AdmissionDesk,
  peer: string,
  shown: Signed | undefined,
  request: Member | undefined,
): { member?: Member; refusal?: AividaError } {
  const { state, roster, nowWallMs } = desk
  const candidates = [
    shown && openMembership(shown),
    roster.member(peer),
    state.admission === 'open' ? request : undefined,
  ]
  let refusal: AividaError | undefined
  for (const member of candidates) {
    if (!member) continue
    assertOwn(peer, member.node)
    try {
      assertStanding(state, member, nowWallMs)
      if (!hasLeft(roster, member)) return { member }
      refusal ??= userError('membership.left', `${peer} has left cluster ${state.name}; join again with a ticket`)
    } catch (error) {
      if (!isAividaError(error)) throw error
      refusal ??= error
    }
  }
  return refusal ? { refusal } : {}
}

function grant(
  desk: AdmissionDesk,
  version: number,
  peer: string,
  ticket: OpenTicket,
  request: Member | undefined,
): Admission {
  // The union of what this node wrote down and what the others' admissions show. A node counts once, however often
  // it asks: a lost reply costs no second use.
  const redeemed = new Set([...desk.tickets.redeemedBy(ticket.nonce), ...desk.roster.admittedBy(ticket.nonce)])
  redeemed.delete(peer)
  assertRedeemable(desk.state, ticket, redeemed.size, desk.nowWallMs)
  assertCanAdmit(desk)
  return {
    outcome: 'granted',
    version,
    membership: { ...membershipFor(desk, peer, ticket.role, request), ticket: ticket.nonce },
  }
}

function pending(desk: AdmissionDesk, request: Member): Admission {
  assertCanAdmit(desk)
  return {
    outcome: 'pending',
    request,
    code: 'membership.pending',
    message: `cluster ${desk.state.name} admits by approval: an admin has been asked; try again later`,
  }
}

function assertCanAdmit(desk: AdmissionDesk): void {
  if (!desk.canAdmit)
    throw peerError(
      'hello.no-admitter',
      'this node may not admit newcomers; knock at a seed of the ticket, or ask an admin',
    )
}

function needed({ name, admission }: CharterState): AividaError {
  const remedy = {
    ticket: 'ask an admin for a ticket: aivida join TICKET',
    approval: 'send a request, and an admin decides',
    open: 'send a request, and it is granted',
  }[admission]
  return userError('membership.required', `cluster ${name} admits members only; ${remedy}`)
}
