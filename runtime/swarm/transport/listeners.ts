import type { TransportEvents } from './transport.ts'

/** The subscribers of a transport. */
export class Listeners {
  readonly #all = new Set<Partial<TransportEvents>>()

  /** Returns a function that removes the subscriber. */
  add(events: Partial<TransportEvents>): () => void {
    const own = { ...events } // so that the same handlers can subscribe twice
    this.#all.add(own)
    return () => this.#all.delete(own)
  }

  connected(...args: Parameters<TransportEvents['connected']>): void {
    for (const events of [...this.#all]) events.connected?.(...args)
  }

  disconnected(...args: Parameters<TransportEvents['disconnected']>): void {
    for (const events of [...this.#all]) events.disconnected?.(...args)
  }

  misused(...args: Parameters<TransportEvents['misused']>): void {
    for (const events of [...this.#all]) events.misused?.(...args)
  }
}
