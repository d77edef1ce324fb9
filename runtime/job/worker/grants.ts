import { type Digest, limit, peerError } from '../../base/index.ts'
import { type Grant, grantCodec, type Lease, openDocument, peerIdOf, type Signed } from '../../protocol/index.ts'

interface Granted {
  readonly signed: Signed
  readonly grant: Grant
  /** Graphs and weights that leases of the job have named. */
  readonly models: Set<Digest>
}

/** What a worker was granted, by job: leave to read a job's blobs, and the measure of what it passes on to others. */
export class Grants {
  readonly #granted = new Map<string, Granted>()

  /** Keeps what a submitter sent. Throws `grant.signer`. */
  keep(from: string, grants: readonly Signed[]): void {
    for (const signed of grants) {
      const { value, by } = openDocument(grantCodec, signed)
      if (peerIdOf(by) !== from || value.submitter !== from)
        throw peerError('grant.signer', `${from} sent a grant that it did not sign`)
      const known = this.#granted.get(value.job)
      const models = known?.grant.submitter === from ? known.models : new Set<Digest>()
      this.#granted.delete(value.job)
      this.#granted.set(value.job, { signed, grant: value, models })
      if (this.#granted.size > limit('leasesPerWorker'))
        this.#granted.delete(this.#granted.keys().next().value as string)
    }
  }

  /** Notes what models leases of a submitter are about. */
  learn(from: string, leases: readonly Lease[]): void {
    for (const { job, spec } of leases) {
      const granted = this.#granted.get(job)
      if (granted?.grant.submitter !== from) continue
      for (const { blob } of [spec.model.graph, ...spec.model.weights])
        if (granted.models.size < MODELS_PER_JOB) granted.models.add(blob)
    }
  }

  /** The grant to show for a job's blobs. */
  of(job: string): Signed | undefined {
    return this.#granted.get(job)?.signed
  }

  /** Whether this worker works with that model blob for that job of that submitter, under a grant that still holds. */
  covers(job: string, submitter: string, blob: Digest, nowWallMs: number): boolean {
    const granted = this.#granted.get(job)
    if (granted?.grant.submitter !== submitter || granted.grant.untilWallMs <= nowWallMs) return false
    return granted.models.has(blob)
  }
}

/** Graphs and weight files of one job: what two models have at most. */
const MODELS_PER_JOB = 8_192
