import { type Clock, limit } from '../../base/index.ts'
import {
  type BlobRef,
  inputsOf,
  isReplica,
  type JobSpec,
  type Lease,
  offerCodec,
  type ShardSpec,
  type Signed,
  signDocument,
} from '../../protocol/index.ts'
import type { LeaseOrder } from '../scheduler/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/** A grant is renewed when less than half of this is left. */
const GRANT_MS = 60 * 60_000

/** Leave of one worker to read the blobs of one job. */
interface Granted {
  readonly grant: Signed
  readonly untilWallMs: number
  /** The worker has it. */
  isKnown: boolean
}

/**
 * Turns the scheduler's orders into signed leases, with leave to read the job's blobs and small inputs inline. What a
 * worker has been given it keeps, until it comes back as another process.
 */
export class Offers {
  readonly #ports: CoordinatorPorts
  /** By job, then by worker: who works on it. */
  readonly #grants = new Map<string, Map<string, Granted>>()

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports
  }

  /** Sends one offer; resolves with the inputs that went with it. Throws as `Swarm.send` does. */
  async send(
    peer: string,
    orders: readonly { order: LeaseOrder; job: JobSpec; epoch: number; shard: ShardSpec }[],
  ): Promise<BlobRef[]> {
    const { swarm, clock } = this.#ports
    const grants = [...new Set(orders.map(({ job }) => job.job))].map((job) => this.#grant(job, peer, clock))
    const news = grants.filter(({ isKnown }) => !isKnown)
    const leases = orders.map(({ order, job, epoch, shard }) => {
      const others = isOfRound(shard) && news.length === 0 ? [] : this.#coWorkers(job.job, peer)
      return leaseOf([swarm.self, ...others], peer, order, job, epoch, shard)
    })
    const inline = await this.#inline(orders.flatMap(({ shard }) => inputsOf(shard) ?? []))
    await swarm.send(
      peer,
      {
        type: 'offer',
        offer: signDocument(offerCodec, { submitter: swarm.self, leases }, this.#ports.signer),
        grants: news.map(({ grant }) => grant),
        inline: inline.map(({ ref }) => ref),
        ...(this.#ports.binding && { binding: this.#ports.binding }),
      },
      inline.map(({ bytes }) => bytes),
    )
    for (const granted of news) granted.isKnown = true
    return inline.map(({ ref }) => ref)
  }

  /** A worker may be another process than before, and knows nothing. */
  introduce(peer: string): void {
    for (const ofJob of this.#grants.values()) {
      const granted = ofJob.get(peer)
      if (granted) granted.isKnown = false
    }
  }

  /** A job has ended: its grants are not renewed. */
  forget(job: string): void {
    this.#grants.delete(job)
  }

  /** Others that were granted the job, the latest first: those are the likeliest to be here still. */
  #coWorkers(job: string, peer: string): string[] {
    const others = [...(this.#grants.get(job)?.keys() ?? [])].filter((other) => other !== peer).reverse()
    return others.slice(0, limit('leaseProviders') - 1)
  }

  /** The small inputs, as many as an offer carries; the worker fetches the others. */
  async #inline(inputs: readonly BlobRef[]): Promise<{ ref: BlobRef; bytes: Uint8Array }[]> {
    let room = limit('inlineOfferBytes')
    const small = inputs.filter(({ sizeBytes }) => {
      if (sizeBytes > Math.min(limit('inlineInputBytes'), room)) return false
      room -= sizeBytes
      return true
    })
    const found = await Promise.all(small.map(async (ref) => ({ ref, bytes: await this.#ports.readInput(ref) })))
    return found.flatMap(({ ref, bytes }) => (bytes ? [{ ref, bytes }] : []))
  }

  #grant(job: string, peer: string, clock: Clock): Granted {
    const nowMs = Math.floor(clock.wallMs())
    const ofJob = this.#grants.get(job) ?? new Map<string, Granted>()
    this.#grants.set(job, ofJob)
    const known = ofJob.get(peer)
    if (known && known.untilWallMs - nowMs > GRANT_MS / 2) return known
    const untilWallMs = nowMs + GRANT_MS
    const grant = this.#ports.signGrant({
      job,
      submitter: this.#ports.swarm.self,
      blobs: [],
      audience: [peer],
      untilWallMs,
    })
    const granted: Granted = { grant, untilWallMs, isKnown: false }
    ofJob.set(peer, granted)
    return granted
  }
}

/** A member fetches from those that its shard names; models it has by then. */
function isOfRound(shard: ShardSpec): boolean {
  return shard.kind === 'reduce' || isReplica(shard)
}

function leaseOf(
  providers: string[],
  worker: string,
  order: LeaseOrder,
  job: JobSpec,
  epoch: number,
  shard: ShardSpec,
): Lease {
  return {
    id: order.lease,
    job: job.job,
    epoch,
    shard: order.shard,
    spec: shard,
    account: job.account,
    worker,
    device: order.device,
    durationMs: order.durationMs,
    requirements: job.request.requirements,
    policy: { mode: 'none' },
    providers,
  }
}
