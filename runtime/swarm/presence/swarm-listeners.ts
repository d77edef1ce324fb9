import type { NetworkView, NodeCard } from '../../protocol/index.ts'
import type { SwarmEvents } from '../swarm.ts'

/** Whoever wants to hear of members. */
export class SwarmListeners {
  readonly #listeners = new Set<Partial<SwarmEvents>>()

  /** Returns a function that stops listening. */
  add(events: Partial<SwarmEvents>): () => void {
    this.#listeners.add(events)
    return () => this.#listeners.delete(events)
  }

  card(peer: string, card: NodeCard): void {
    for (const listener of this.#listeners) listener.card?.(peer, card)
  }

  network(view: NetworkView): void {
    for (const listener of this.#listeners) listener.network?.(view)
  }

  tell(type: 'suspect' | 'alive' | 'lost', peer: string): void {
    for (const listener of this.#listeners) listener[type]?.(peer)
  }
}
