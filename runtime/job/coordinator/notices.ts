import { limit, slices, toAividaError } from '../../base/index.ts'
import type { CancelReason, ControlMessageOf } from '../../protocol/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/**
 * What workers are told of leases that are over. A notice that is lost costs nothing but place: the next roll call
 * calls useless leases off again, and outputs that were not settled are offered again.
 */
export class Notices {
  readonly #ports: Pick<CoordinatorPorts, 'swarm' | 'logger'>
  readonly #settled = new Map<string, string[]>()

  constructor(ports: Pick<CoordinatorPorts, 'swarm' | 'logger'>) {
    this.#ports = ports
  }

  cancel(peer: string, leases: readonly string[], reason: CancelReason): void {
    for (const some of slices(leases, limit('leasesPerOffer')))
      this.#tell(peer, { type: 'cancel', leases: some, reason })
  }

  /** What a lease gave is durable, or of no use; told with the next {@link flush}. */
  settle(peer: string, lease: string): void {
    const leases = this.#settled.get(peer)
    if (leases) leases.push(lease)
    else this.#settled.set(peer, [lease])
  }

  flush(): void {
    for (const [peer, leases] of this.#settled)
      for (const some of slices(leases, limit('leasesPerOffer'))) this.#tell(peer, { type: 'settled', leases: some })
    this.#settled.clear()
  }

  #tell(peer: string, message: ControlMessageOf<'cancel' | 'settled'>): void {
    this.#ports.swarm.send(peer, message).catch((error) => {
      this.#ports.logger.debug({ peer, error: toAividaError(error).code }, `${message.type} could not be sent`)
    })
  }
}
