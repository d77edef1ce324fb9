import { toAividaError } from '../../base/index.ts'
import type { CalledJob } from '../../protocol/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/** A call that could not be sent is repeated after this. */
const RETRY_MS = 1_000

/**
 * Asks workers, when they come or come back, what they have and hold of this node's jobs. Either side may have been
 * restarted meanwhile, or messages lost: the answer makes both sides' accounts of the leases agree again.
 */
export class RollCalls {
  readonly #ports: Pick<CoordinatorPorts, 'swarm' | 'clock' | 'logger'>
  readonly #jobs: () => CalledJob[]
  /** Offers on their way, by peer. */
  readonly #sending = new Map<string, Set<Promise<unknown>>>()
  readonly #retries = new Map<string, () => void>()
  #stopped = false

  constructor(ports: Pick<CoordinatorPorts, 'swarm' | 'clock' | 'logger'>, jobs: () => CalledJob[]) {
    this.#ports = ports
    this.#jobs = jobs
  }

  /** An offer that is being sent: calls made from now on follow it on the wire. */
  after(peer: string, offer: Promise<unknown>): void {
    const offers = this.#sending.get(peer) ?? new Set()
    this.#sending.set(peer, offers.add(offer))
    const sent = () => {
      offers.delete(offer)
      if (offers.size === 0 && this.#sending.get(peer) === offers) this.#sending.delete(peer)
    }
    offer.then(sent, sent)
  }

  /** Asks a worker about all running jobs, as of now. */
  call(peer: string): void {
    this.forget(peer)
    if (this.#jobs().length > 0) void this.#call(peer)
  }

  /** Does not ask again. */
  forget(peer: string): void {
    this.#retries.get(peer)?.()
    this.#retries.delete(peer)
  }

  stop(): void {
    this.#stopped = true
    for (const peer of [...this.#retries.keys()]) this.forget(peer)
  }

  async #call(peer: string): Promise<void> {
    const { swarm, clock, logger } = this.#ports
    const before = new Map(this.#jobs().map((job) => [job.job, job.before]))
    await Promise.allSettled(this.#sending.get(peer) ?? [])
    // Leases of jobs, or numbers, that came up meanwhile may be on their way still: nothing is concluded of them.
    const jobs = this.#jobs().map((job) => ({ ...job, before: before.get(job.job) ?? 0 }))
    try {
      await swarm.send(peer, { type: 'roll-call', jobs })
    } catch (error) {
      logger.debug({ peer, error: toAividaError(error).code }, 'a roll call could not be sent')
      this.forget(peer)
      if (this.#stopped) return
      this.#retries.set(
        peer,
        clock.after(RETRY_MS, () => this.call(peer)),
      )
    }
  }
}
