import type { Clock } from '../../base/index.ts'
import { type NodeCard, nodeCardCodec, type Signed, type Signer, signDocument } from '../../protocol/index.ts'
import type { Transport } from '../transport/transport.ts'

/** The card is signed anew this often. */
export const CARD_MS = 120_000
/** A card is good for this long. */
export const CARD_LIFE_MS = 5 * CARD_MS

/** What a node says of itself, but for sequence, times and addresses. */
export type CardContent = Pick<NodeCard, 'account' | 'name' | 'software' | 'devices'>

/** What an {@link OwnCard} is made from. */
export interface OwnCardInit {
  readonly transport: Transport
  readonly signer: Signer
  readonly clock: Clock
  readonly describe: () => CardContent
}

/** This node's card: signed when it is first asked for, and again after {@link renew}. */
export class OwnCard {
  readonly #init: OwnCardInit
  #current: { readonly value: NodeCard; readonly signed: Signed } | undefined
  #sequence: number

  constructor(init: OwnCardInit) {
    this.#init = init
    this.#sequence = Math.floor(init.clock.wallMs()) // grows over restarts without a file
  }

  get sequence(): number {
    return this.#sequence
  }

  get current(): { readonly value: NodeCard; readonly signed: Signed } {
    this.#current ??= this.#sign()
    return this.#current
  }

  /** Devices or addresses have changed, or time has passed. */
  renew(): void {
    this.#current = undefined
  }

  /** Others hold a newer card of ours, from before our clock was set back: the next one goes beyond it. */
  outdo(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence)
    this.renew()
  }

  /** Our last card: it ends as it begins, so that we are not missed. */
  goodbye(): Signed {
    const issuedWallMs = Math.floor(this.#init.clock.wallMs())
    this.#current = this.#sign(issuedWallMs)
    return this.#current.signed
  }

  #sign(endsWallMs?: number): { readonly value: NodeCard; readonly signed: Signed } {
    const { transport, clock, signer, describe } = this.#init
    const issuedWallMs = Math.floor(clock.wallMs())
    const value: NodeCard = {
      ...describe(),
      node: transport.peer,
      sequence: ++this.#sequence,
      issuedWallMs,
      expiresWallMs: endsWallMs ?? issuedWallMs + CARD_LIFE_MS,
      addresses: [...transport.addresses()],
    }
    return { value, signed: signDocument(nodeCardCodec, value, signer) }
  }
}
