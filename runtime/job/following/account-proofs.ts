import { type Clock, isAividaError, limit, peerError } from '../../base/index.ts'
import {
  type Adoption,
  adoptionCodec,
  openDocument,
  peerIdOf,
  type Signed,
  type Signer,
  signDocument,
} from '../../protocol/index.ts'
import { type BindingProof, bindingProofCodec, openBinding } from '../../swarm/identity/index.ts'

/** What a node knows of who belongs to whom. */
export interface AccountProofsInit {
  readonly cluster: string
  readonly clock: Clock
  /** The account of this node, if it has one. */
  readonly own: string | undefined
  /** What shows that; absent where the membership does. */
  readonly binding?: BindingProof
  /** The account that a member's membership proves, if it does. */
  readonly memberAccount: (peer: string) => string | undefined
}

/** A binding that held is looked at again after this, since it may have ended. */
const SEEN_MS = 60_000

/** Whose nodes are whose, proven: by membership, or by a binding that the node shows. */
export class AccountProofs {
  readonly own: string | undefined
  /** To show to others. */
  readonly binding: Uint8Array | undefined
  readonly #init: AccountProofsInit
  /** Bindings that were found to hold: each offer shows one, and opening it costs two signatures. */
  readonly #seen = new Map<
    string,
    { readonly binding: Uint8Array; readonly account: string; readonly untilMs: number }
  >()

  constructor(init: AccountProofsInit) {
    this.#init = init
    this.own = init.own
    this.binding = init.binding && bindingProofCodec.encode(init.binding)
  }

  /** The account that a peer is proven to belong to. A proof that does not hold proves nothing. */
  accountOf(peer: string, binding?: Uint8Array): string | undefined {
    return (binding && this.#boundTo(peer, binding)) ?? this.#init.memberAccount(peer)
  }

  #boundTo(peer: string, binding: Uint8Array): string | undefined {
    const { cluster, clock } = this.#init
    const nowMs = clock.monoMs()
    const seen = this.#seen.get(peer)
    if (seen && seen.untilMs > nowMs && Buffer.compare(seen.binding, binding) === 0) return seen.account
    try {
      const { node, account } = openBinding(bindingProofCodec.decode(binding), cluster, clock.wallMs())
      if (node !== peer) return undefined
      this.#seen.set(peer, { binding, account, untilMs: nowMs + SEEN_MS })
      if (this.#seen.size > limit('peers')) this.#seen.delete(this.#seen.keys().next().value as string)
      return account
    } catch (error) {
      if (!isAividaError(error)) throw error
      return undefined
    }
  }

  /** Whether a peer is proven to be of this node's own account. */
  isOwn(peer: string, binding?: Uint8Array): boolean {
    return this.own !== undefined && this.accountOf(peer, binding) === this.own
  }

  /** Claims a job; the binding goes along. */
  signAdoption(terms: Omit<Adoption, 'binding'>, signer: Signer): Signed {
    return signDocument(adoptionCodec, { ...terms, ...(this.binding && { binding: this.binding }) }, signer)
  }

  /**
   * Opens an adoption: signed by the adopter, which belongs to the account it names. Whether the job is that account's is
   * the caller's question. Throws `adoption.signer`, `adoption.account`, `signature.*`, `encoding.*`.
   */
  openAdoption(signed: Signed): Adoption {
    const { value, by } = openDocument(adoptionCodec, signed)
    if (peerIdOf(by) !== value.node)
      throw peerError(
        'adoption.signer',
        `${value.job} is said to be adopted by ${value.node}; ${peerIdOf(by)} signed that`,
      )
    const account = this.accountOf(value.node, value.binding)
    if (account !== value.account)
      throw peerError(
        'adoption.account',
        `${value.node} adopts ${value.job} for ${value.account}, and is not shown to belong to it (${account ?? 'no account'})`,
      )
    return value
  }
}
