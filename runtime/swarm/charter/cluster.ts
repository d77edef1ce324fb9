import { type Clock, peerError, userError } from '../../base/index.ts'
import { accountIdOf, peerIdOf, type Signed, type Signer } from '../../protocol/signed.ts'
import { completeBinding, proposeBinding } from '../identity/index.ts'
import { amendCharter, type Charter, foundCharter, mergeUpdates } from './charter.ts'
import type { AdmissionMode, Change } from './charter-document.ts'
import type { ClusterStore } from './cluster-store.ts'
import { assertStanding, type Member, openLeave, openMembership, signLeave, signMembership } from './membership.ts'
import { hasLeft, Roster } from './roster.ts'
import { sharedSave } from './shared-save.ts'
import { checkWelcome, type Welcome } from './welcome.ts'

/** What a node brings to its cluster. */
export interface ClusterInit {
  readonly node: Signer
  readonly store: ClusterStore
  readonly clock: Pick<Clock, 'wallMs'>
}

/**
 * A cluster as one of its nodes holds it: charter, roster and its own membership, the same in memory and in the
 * store. A thin shell: what counts is decided by the pure functions of this folder.
 */
export class Cluster {
  readonly #init: ClusterInit
  readonly #roster = new Roster()
  #charter: Charter
  #own: Member
  /** Changes of the charter go one after the other: two at once would fork it. */
  #lastChange: Promise<unknown> = Promise.resolve()
  readonly #saveRoster = sharedSave(() =>
    this.#init.store.saveRoster({
      own: this.#own.document,
      memberships: this.#roster.members().map(({ document }) => document),
      leaves: this.#roster.leaves().map(({ document }) => document),
    }),
  )

  private constructor(init: ClusterInit, charter: Charter, own: Member) {
    this.#init = init
    this.#charter = charter
    this.#own = own
    this.#roster.add(own)
  }

  /**
   * Founds a cluster: the account becomes its admin, and the node its first member and a delegate, which invites and
   * admits without the account's key. Throws `cluster.exists`.
   */
  static async found(
    init: ClusterInit,
    account: Signer,
    { name, admission }: { readonly name: string; readonly admission: AdmissionMode },
  ): Promise<Cluster> {
    const admin = accountIdOf(account.publicKey)
    const node = peerIdOf(init.node.publicKey)
    const admittedWallMs = init.clock.wallMs()
    const charter = foundCharter(
      { name, createdWallMs: admittedWallMs, admins: [admin], delegates: [node], admission, terms: {} },
      account,
    )
    const { cluster } = charter.state
    const binding = completeBinding(proposeBinding(admin, { issuedWallMs: admittedWallMs }, init.node), account)
    const own = signMembership({ cluster, node, role: 'member', binding, admittedWallMs }, account)
    return Cluster.#enter(init, charter, own)
  }

  /**
   * Becomes a member of the cluster with this id, by what its member `peer` answered to a hello.
   * Throws `cluster.exists`, `membership.required`, and as {@link checkWelcome} does.
   */
  static async join(init: ClusterInit, id: string, peer: string, welcome: Welcome): Promise<Cluster> {
    const node = peerIdOf(init.node.publicKey)
    const proof = checkWelcome({ cluster: id, peer, node, nowWallMs: init.clock.wallMs() }, welcome)
    if (!proof.own)
      throw userError('membership.required', `${peer} answered without a membership for this node; join anew`)
    const cluster = await Cluster.#enter(init, proof.charter, proof.own)
    await cluster.add(proof.answerer)
    return cluster
  }

  /** The cluster in the store; `undefined`, when there is none. Throws `cluster.damaged`, `charter.*`, `signature.*`. */
  static async open(init: ClusterInit): Promise<Cluster | undefined> {
    const charter = await init.store.loadCharter()
    const file = await init.store.loadRoster()
    if (!charter || !file) return undefined
    const cluster = new Cluster(init, charter, openMembership(file.own))
    for (const document of file.leaves) cluster.#roster.leave(openLeave(charter.state.cluster, document))
    for (const document of file.memberships) cluster.#roster.add(openMembership(document))
    cluster.refresh()
    return cluster
  }

  static async #enter(init: ClusterInit, charter: Charter, own: Member): Promise<Cluster> {
    const present = await init.store.loadCharter()
    if (present && present.state.cluster !== charter.state.cluster)
      throw userError('cluster.exists', `this node is in cluster ${present.state.name}; leave it first: aivida leave`)
    const cluster = new Cluster(init, charter, own)
    await init.store.saveCharter(charter)
    await cluster.#saveRoster()
    return cluster
  }

  get charter(): Charter {
    return this.#charter
  }

  get roster(): Pick<Roster, 'size' | 'member' | 'members' | 'leaves' | 'leftWallMs' | 'admittedBy'> {
    return this.#roster
  }

  /** This node's own membership; it may have ended. */
  get own(): Member {
    return this.#own
  }

  /** Keeps a member that was checked. */
  async add(member: Member): Promise<void> {
    if (member.node === this.#own.node) this.#own = member
    if (this.#roster.add(member)) await this.#saveRoster()
  }

  /**
   * Checks a membership of this node that another member passed on: whether it holds, here and now. Throws
   * `membership.*`, `signature.*`, `binding.*`.
   */
  vouch(node: string, document: Signed): Member {
    const { state } = this.#charter
    const held = this.#roster.member(node)
    const isHeld = held !== undefined && Buffer.compare(held.document.sig, document.sig) === 0
    const member = isHeld ? held : openMembership(document)
    if (member.node !== node)
      throw peerError('membership.node', `expected the membership of ${node}, found ${member.node}'s`)
    assertStanding(state, member, this.#init.clock.wallMs())
    if (hasLeft(this.#roster, member)) throw peerError('membership.left', `${member.node} has left the cluster`)
    return member
  }

  /** Takes out a member by its own word; gives back who that was, if it was one. Throws `membership.leave`, `membership.other-cluster`, `signature.*`. */
  async remove(document: Signed): Promise<string | undefined> {
    const leave = openLeave(this.#charter.state.cluster, document)
    const isKnown = this.#roster.member(leave.node) !== undefined // strangers shall not crowd out the leaves of members
    if (!isKnown || !this.#roster.leave(leave)) return undefined
    await this.#saveRoster()
    return leave.node
  }

  /** Checks and keeps what a welcome of `peer` proves; gives back the peer as a member. Throws as {@link checkWelcome}. */
  async takeWelcome(peer: string, welcome: Welcome): Promise<Member> {
    await this.learnUpdates(welcome.updates)
    const { cluster } = this.#charter.state
    const node = this.#own.node
    const expected = { cluster, charter: this.#charter, peer, node, nowWallMs: this.#init.clock.wallMs() }
    const { answerer, own } = checkWelcome(expected, welcome)
    if (own) await this.add(own)
    await this.add(answerer)
    if (!this.#roster.member(peer))
      throw peerError('membership.left', `${peer} left the cluster, and answers as if not`)
    return answerer
  }

  /** Merges charter updates, and tells which members are out because of them. Throws as {@link mergeUpdates} does. */
  learnUpdates(updates: readonly Signed[]): Promise<Member[]> {
    return this.#change((charter) => mergeUpdates(charter, updates))
  }

  /** Signs a change with an admin's key, and tells which members are out because of it. Throws as {@link amendCharter}. */
  amend(change: Change, admin: Signer): Promise<Member[]> {
    return this.#change((charter) => amendCharter(charter, change, admin, this.#init.clock.wallMs()))
  }

  /** Takes out the members whose membership has ended, and tells which. */
  refresh(): Member[] {
    return this.#roster.refresh(this.#charter.state, this.#init.clock.wallMs())
  }

  /** Leaves: forgets the cluster, and gives back the node's word, to tell the peers. */
  async leave(): Promise<Signed> {
    await this.#init.store.clear()
    return signLeave(this.#charter.state.cluster, this.#init.node, this.#init.clock.wallMs())
  }

  #change(next: (charter: Charter) => Charter): Promise<Member[]> {
    const change = this.#lastChange.then(async () => {
      const charter = next(this.#charter)
      if (charter === this.#charter) return []
      await this.#init.store.saveCharter(charter) // first: an update that others saw and we forgot would fork
      this.#charter = charter
      const dropped = this.refresh()
      if (dropped.length > 0) await this.#saveRoster()
      return dropped
    })
    this.#lastChange = change.catch(() => {})
    return change
  }
}
