import { assertNever, type Clock, isAividaError, limit, type Random, userError } from '../../base/index.ts'
import { type Signed, type Signer, signedDigest } from '../../protocol/signed.ts'
import { type Admission, type AdmissionHello, admit, membershipFor } from './admission.ts'
import { mayAdmit } from './charter-state.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterStore } from './cluster-store.ts'
import { assertStanding, type Member, type MemberRole, openMembership, signMembership } from './membership.ts'
import { sharedSave } from './shared-save.ts'
import { issueTicket, type TicketInit } from './ticket.ts'
import type { TicketLedger } from './ticket-ledger.ts'

/** What a door needs. */
export interface DoorInit {
  readonly cluster: Cluster
  /** Keys at hand that may admit: the node's, and the account's where it lies on this machine. */
  readonly keys: readonly [Signer, ...Signer[]]
  readonly tickets: TicketLedger
  readonly store: ClusterStore
  readonly clock: Pick<Clock, 'wallMs'>
  /** Protocol generations that this node speaks. */
  readonly protocolVersions: readonly number[]
}

/** What to answer a hello. */
export type Answer =
  | {
      readonly outcome: 'welcome'
      readonly version: number
      readonly member: Member
      /** The membership to hand over, when it is not the one that was shown. */
      readonly granted: Signed | undefined
    }
  | { readonly outcome: 'left' }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string }

/**
 * Where strangers become members. A thin shell around {@link admit}: it counts the use of a ticket before it signs,
 * signs with a key that the charter trusts, and keeps the requests that wait for an admin.
 */
export class Door {
  readonly #init: DoorInit
  readonly #requests = new Map<string, Member>()
  readonly #saveRequests = sharedSave(() =>
    this.#init.store.saveRequests(this.requests.map(({ document }) => document)),
  )

  private constructor(init: DoorInit) {
    this.#init = init
  }

  /** Opens the door, with the requests that were waiting. Throws `cluster.damaged`. */
  static async open(init: DoorInit): Promise<Door> {
    const door = new Door(init)
    for (const document of await init.store.loadRequests()) {
      const request = openMembership(document)
      door.#requests.set(request.node, request)
    }
    return door
  }

  /** Whether a key at hand may sign memberships. */
  get canAdmit(): boolean {
    return this.#issuer() !== undefined
  }

  /** What waits for {@link approve} or {@link deny}. */
  get requests(): readonly Member[] {
    return [...this.#requests.values()]
  }

  /** Decides a hello of `peer`, whose key the handshake has proven, and does what the decision asks for. */
  async hello(peer: string, hello: AdmissionHello): Promise<Answer> {
    const { cluster, tickets, protocolVersions, clock } = this.#init
    const issuer = this.#issuer()
    const desk = {
      state: cluster.charter.state,
      roster: cluster.roster,
      tickets,
      canAdmit: issuer !== undefined,
      protocolVersions,
      nowWallMs: clock.wallMs(),
    }
    try {
      return await this.#carryOut(admit(desk, peer, hello), hello, issuer)
    } catch (error) {
      if (!isAividaError(error)) throw error
      return { outcome: 'refused', code: error.code, message: error.message }
    }
  }

  /** Issues a ticket, as one word to copy. Throws `ticket.issuer` when no key at hand may invite. */
  invite(init: Omit<TicketInit, 'issuedWallMs'>, random?: Random): string {
    const { cluster, keys, clock } = this.#init
    const ticket = { ...init, issuedWallMs: clock.wallMs() }
    return issueTicket(cluster.charter.state, ticket, this.#issuer() ?? keys[0], random)
  }

  /** Admits a node that asked; it hears of it when it calls again. Throws `membership.no-request`, `hello.no-admitter`. */
  async approve(node: string, role?: MemberRole): Promise<Member> {
    const { cluster, clock } = this.#init
    const request = this.#request(node)
    const issuer = this.#issuer()
    if (!issuer) throw userError('hello.no-admitter', 'no key on this node may admit; approve where the account key is')
    const desk = { state: cluster.charter.state, roster: cluster.roster, nowWallMs: clock.wallMs() }
    const member = signMembership(membershipFor(desk, node, role ?? request.role, request), issuer)
    assertStanding(desk.state, member, desk.nowWallMs) // it may have been removed since it asked
    await cluster.add(member)
    await this.#forget(node)
    return member
  }

  /** Forgets a request; the node may ask again. Throws `membership.no-request`. */
  async deny(node: string): Promise<void> {
    await this.#forget(this.#request(node).node)
  }

  async #carryOut(decision: Admission, hello: AdmissionHello, issuer: Signer | undefined): Promise<Answer> {
    switch (decision.outcome) {
      case 'admitted':
        return this.#welcome(decision.version, decision.member, hello)
      case 'granted': {
        const { membership, version } = decision
        await this.#init.tickets.record(membership.ticket!, membership.node) // before anything that could be shown
        return this.#welcome(version, signMembership(membership, issuer!), hello)
      }
      case 'pending':
        await this.#remember(decision.request)
        return { outcome: 'refused', code: decision.code, message: decision.message }
      case 'left':
        await this.#init.cluster.remove(decision.leave)
        return { outcome: 'left' }
      case 'refused':
        return decision
      default:
        return assertNever(decision)
    }
  }

  async #welcome(version: number, member: Member, hello: AdmissionHello): Promise<Answer> {
    await this.#init.cluster.add(member)
    const shown = hello.membership && signedDigest(hello.membership) === member.digest
    return { outcome: 'welcome', version, member, granted: shown ? undefined : member.document }
  }

  /** The key that may sign memberships now. */
  #issuer(): Signer | undefined {
    const { cluster, keys, clock } = this.#init
    return keys.find(({ publicKey }) => mayAdmit(cluster.charter.state, publicKey, clock.wallMs()))
  }

  #request(node: string): Member {
    const request = this.#requests.get(node)
    if (!request) throw userError('membership.no-request', `${node} has not asked to join; see: aivida members`)
    return request
  }

  async #remember(request: Member): Promise<void> {
    const known = this.#requests.get(request.node)
    if (!known && this.#requests.size >= limit('joinRequests'))
      throw userError(
        'membership.queue-full',
        `${this.#requests.size} requests wait for an admin, the most that are kept; ask again later`,
      )
    this.#requests.set(request.node, request)
    if (!known) await this.#saveRequests() // who asks again costs no write
  }

  async #forget(node: string): Promise<void> {
    this.#requests.delete(node)
    await this.#saveRequests()
  }
}
