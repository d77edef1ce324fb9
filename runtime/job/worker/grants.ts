import { type Digest, limit, peerError } from '../../base/index.ts'
import {
  type Grant,
  grantCodec,
  type Lease,
  modelsOf,
  openDocument,
  peerIdOf,
  type Signed,
} from '../../protocol/index.ts'

interface Granted {
  readonly signed: Signed
  readonly grant: Grant
  /** Graphs and weights that leases of the job have named. */
  readonly models: Set<Digest>
}

/**
 * What a worker was granted, by submitter and job: leave to read a job's blobs, and the measure of what it passes on to
 * others. Each submitter has a place of its own: none can replace or crowd out another's grants.
 */
export class Grants {
  readonly #bySubmitter = new Map<string, Map<string, Granted>>()

  /** Keeps what a submitter sent. Throws `grant.signer`. */
  keep(from: string, grants: readonly Signed[]): void {
    for (const signed of grants) {
      const { value, by } = openDocument(grantCodec, signed)
      if (peerIdOf(by) !== from || value.submitter !== from)
        throw peerError('grant.signer', `${from} sent a grant that it did not sign`)
      const models = this.#get(from, value.job)?.models ?? new Set<Digest>()
      const own = this.#bySubmitter.get(from) ?? new Map<string, Granted>()
      put(own, value.job, { signed, grant: value, models }, limit('jobsPerNode'))
      put(this.#bySubmitter, from, own, limit('peers'))
    }
  }

  /** Notes what models leases of a submitter are about. */
  learn(from: string, leases: readonly Lease[]): void {
    for (const { job, spec } of leases) {
      const granted = this.#get(from, job)
      if (!granted) continue
      for (const { blob } of modelsOf(spec).flatMap(({ graph, weights }) => [graph, ...weights]))
        if (granted.models.size < MODELS_PER_JOB) granted.models.add(blob)
    }
  }

  /** The grant of a submitter to show for a job's blobs. */
  of(submitter: string, job: string): Signed | undefined {
    return this.#get(submitter, job)?.signed
  }

  /** Whether this worker works with that model blob for that job of that submitter, under a grant that still holds. */
  covers(job: string, submitter: string, blob: Digest, nowWallMs: number): boolean {
    const granted = this.#get(submitter, job)
    return granted !== undefined && granted.grant.untilWallMs > nowWallMs && granted.models.has(blob)
  }

  #get(submitter: string, job: string): Granted | undefined {
    return this.#bySubmitter.get(submitter)?.get(job)
  }
}

/** Graphs and weight files of one job: what two models have at most. */
const MODELS_PER_JOB = 8_192

/** Sets the newest entry of a map that forgets its oldest. */
function put<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > max) map.delete(map.keys().next().value as string)
}
