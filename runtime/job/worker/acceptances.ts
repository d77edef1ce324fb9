import { type Clock, limit, slices } from '../../base/index.ts'

/** An acceptance waits this long for a result to say the same. */
const WAIT_MS = 10

/** What {@link Acceptances} needs. */
export interface AcceptancesInit {
  readonly clock: Pick<Clock, 'after'>
  /** Called with none when all were told by their receipts. */
  readonly tell: (to: string, leases: readonly string[]) => void
}

/**
 * Leases whose acceptance has not been told yet. A message costs more than a short shard: one that is finished at once
 * is answered by its receipt alone, which says that it had been accepted.
 */
export class Acceptances {
  readonly #init: AcceptancesInit
  readonly #waiting = new Map<string, Set<string>>()

  constructor(init: AcceptancesInit) {
    this.#init = init
  }

  add(to: string, leases: readonly string[]): void {
    const waiting = this.#waiting.get(to)
    if (waiting) {
      for (const lease of leases) waiting.add(lease)
      return
    }
    this.#waiting.set(to, new Set(leases))
    this.#init.clock.after(WAIT_MS, () => this.#flush(to))
  }

  /** A receipt of this lease is on its way. */
  told(to: string, lease: string): void {
    this.#waiting.get(to)?.delete(lease)
  }

  #flush(to: string): void {
    const leases = [...(this.#waiting.get(to) ?? [])]
    this.#waiting.delete(to)
    if (leases.length === 0) this.#init.tell(to, [])
    for (const some of slices(leases, limit('leasesPerOffer'))) this.#init.tell(to, some)
  }
}
