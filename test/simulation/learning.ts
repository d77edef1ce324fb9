import { type Clock, type Digest, peerError, sha256, sleep, userError } from '../../runtime/base/index.ts'
import { type NamedTensors, tensorOf } from '../../runtime/data/tensor/index.ts'
import type { Trained, WorkerPorts } from '../../runtime/job/worker/index.ts'
import type { RoundBlobs } from '../../runtime/node/rounds/round-blobs.ts'
import {
  type BlobRef,
  isReplica,
  type Lease,
  lineageOf,
  type ReplicaShard,
  type Signed,
} from '../../runtime/protocol/index.ts'
import type { Chance } from './chance.ts'
import type { NodePlan } from './plan.ts'

/** How the file of a shared state begins; the rest is its name. */
export const THETA = 'theta '

interface Replica {
  readonly lineage: Digest
  /** Stands for all parameters: the hash of all that was ever applied to them. */
  readonly theta: Digest
}

/** What {@link Learning} needs. */
export interface LearningInit {
  readonly clock: Clock
  readonly rounds: RoundBlobs
  readonly plan: NodePlan
  readonly chance: Chance
}

/**
 * Stands for what a worker does with a replica: hashes in the place of parameters, over the production's blobs of rounds.
 * Whoever was given the same updates in the same order has the same hash, and says so.
 */
export class Learning {
  readonly #init: LearningInit
  /** By job: in the memory of this process. */
  readonly #replicas = new Map<string, Replica>()

  constructor(init: LearningInit) {
    this.#init = init
  }

  /** The ports of a worker that learns so, and does everything else as before. */
  over(ports: WorkerPorts): WorkerPorts {
    return {
      ...ports,
      fetchInputs: async (lease, grant, signal) => {
        if (lease.spec.kind !== 'train' || !isReplica(lease.spec)) return ports.fetchInputs(lease, grant, signal)
        await this.#fetch(lease, lease.spec, grant, signal)
        return new Uint8Array()
      },
      train: (lease, shard, _slot, { signal }) => {
        if (!isReplica(shard)) throw new Error('trainings on one worker are not simulated')
        return this.#train(lease, shard, signal)
      },
    }
  }

  async #fetch(lease: Lease, { state, replica }: ReplicaShard, grant: Signed | undefined, signal: AbortSignal) {
    const { rounds } = this.#init
    const [submitter] = lease.providers as [string]
    if (replica.held && !chainOf(replica).includes(this.#replicas.get(lease.job)?.lineage ?? '')) throw lost()
    if (replica.inner && !rounds.has(replica.inner)) throw lost()
    const updates = replica.updates.flat().map(({ update, at }) => ({ ref: update, from: [at] }))
    await rounds.bring(updates, { lease, grant, signal })
    const files = replica.held ? [] : [{ ref: state, from: [...replica.at, submitter] }]
    await rounds.bring(files, { lease, grant, signal, onDisk: true })
  }

  async #train(lease: Lease, shard: ReplicaShard, signal: AbortSignal): Promise<Trained> {
    const { clock, rounds, plan, chance } = this.#init
    const { replica, steps } = shard
    const startMs = clock.monoMs()
    await sleep(clock, (chance.between(...plan.computeMs) * (1 + steps)) / 4, signal)
    if (chance.happens(plan.failing)) throw peerError('engine.failed', 'the engine of this node is broken')
    const chain = chainOf(replica)
    const found = this.#replicas.get(lease.job)
    if (!(found && chain.includes(found.lineage)) && replica.held) throw lost()
    const begun = found && chain.includes(found.lineage) ? found : await this.#begin(shard)
    let { theta } = begun
    for (const round of replica.updates.slice(chain.indexOf(begun.lineage)))
      for (const { update } of round)
        theta = sha256(Buffer.concat([Buffer.from(theta), await rounds.read(update.blob)]))
    this.#replicas.set(lease.job, { lineage: chain.at(-1)!, theta })
    const learned = `${theta} ${JSON.stringify(replica.batches)} ${replica.inner?.blob ?? ''} ${replica.member}`
    const keep = (text: string, lasts: 'now' | 'soon' | 'no') => {
      const bytes = Buffer.from(text)
      return rounds.keep([bytes], bytes.byteLength, signal, lasts)
    }
    const updates: BlobRef[] = []
    for (const slice of steps > 0 ? replica.slices.keys() : []) updates.push(await keep(`${slice} of ${learned}`, 'no'))
    const state = steps > 0 ? await keep(`inner ${learned}`, 'soon') : await keep(`${THETA}${theta}`, 'now')
    const metrics: NamedTensors =
      steps > 0
        ? {
            loss: tensorOf(new Float32Array(steps), [steps]),
            member: tensorOf(numbers(steps, replica.member), [steps]),
          }
        : { step: tensorOf(numbers(1, replica.position), [1]), 'validation.loss': tensorOf(new Float32Array(1), [1]) }
    return { metrics, commitments: [theta], state, updates, computeMs: clock.monoMs() - startMs }
  }

  async #begin({ state, replica }: ReplicaShard): Promise<Replica> {
    const text = Buffer.from(await this.#init.rounds.read(state.blob)).toString()
    return { lineage: replica.lineage, theta: text.slice(THETA.length) }
  }
}

function numbers(count: number, value: number): BigInt64Array {
  return new BigInt64Array(count).fill(BigInt(value))
}

function chainOf({ lineage, updates }: ReplicaShard['replica']): Digest[] {
  const chain = [lineage]
  for (const round of updates) chain.push(lineageOf(chain.at(-1)!, round))
  return chain
}

function lost() {
  return userError('replica.lost', 'this process does not have what the shard goes on from')
}
