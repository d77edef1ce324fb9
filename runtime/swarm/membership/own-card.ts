import type { Clock } from '../../base/index.ts'
import { type NodeCard, nodeCardCodec, type Signed, type Signer, signDocument } from '../../protocol/index.ts'
import type { Transport } from '../transport/transport.ts'

/** The card is signed anew this often, and good for five times as long. */
export const CARD_MS = 120_000

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

  #sign(): { readonly value: NodeCard; readonly signed: Signed } {
    const { transport, clock, signer, describe } = this.#init
    const issuedWallMs = Math.floor(clock.wallMs())
    const value: NodeCard = {
      ...describe(),
      node: transport.peer,
      sequence: ++this.#sequence,
      issuedWallMs,
      expiresWallMs: issuedWallMs + 5 * CARD_MS,
      addresses: [...transport.addresses()],
    }
    return { value, signed: signDocument(nodeCardCodec, value, signer) }
  }
}
