import { type Clock, limit, slices } from '../../base/index.ts'
import type { LeaseOrder } from '../scheduler/index.ts'

/** What {@link Orders} needs. */
export interface OrdersInit {
  readonly clock: Pick<Clock, 'turn'>
  /** Sends one offer. Never rejects. */
  readonly send: (peer: string, orders: readonly LeaseOrder[]) => Promise<void>
  /** Hears of offers on their way, from the moment of their first order. */
  readonly sending: (peer: string, sent: Promise<unknown>) => void
}

/**
 * Leases to be offered at the end of this turn: those of one turn go into one offer, since the receipts of a group come
 * one after the other, and each makes room.
 */
export class Orders {
  readonly #init: OrdersInit
  readonly #waiting = new Map<string, LeaseOrder[]>()

  constructor(init: OrdersInit) {
    this.#init = init
  }

  add(peer: string, orders: readonly LeaseOrder[]): void {
    const waiting = this.#waiting.get(peer)
    if (waiting) {
      waiting.push(...orders)
      return
    }
    this.#waiting.set(peer, [...orders])
    this.#init.sending(peer, this.#send(peer))
  }

  async #send(peer: string): Promise<void> {
    const { clock, send } = this.#init
    await clock.turn()
    const orders = this.#waiting.get(peer) ?? []
    this.#waiting.delete(peer)
    await Promise.all(slices(orders, limit('leasesPerOffer')).map((some) => send(peer, some)))
  }
}
