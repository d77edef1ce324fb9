import { limit, userError } from '../../base/index.ts'
import type { JobSpec } from '../../protocol/index.ts'
import type { JobRun } from './job-run.ts'

/** The jobs of this node since it started: those that run, and the last of those that have ended. */
export class Runs {
  readonly #runs = new Map<string, JobRun>()
  /** Output folders of jobs that are being submitted. */
  readonly #claimed = new Set<string>()

  get(job: string): JobRun | undefined {
    return this.#runs.get(job)
  }

  /** Oldest first. */
  all(): JobRun[] {
    return [...this.#runs.values()]
  }

  running(): JobRun[] {
    return this.all().filter((run) => run.state === 'running')
  }

  /** Whether a running job has leased to a peer, in whatever epoch. */
  employ(peer: string): boolean {
    return this.running().some((run) => run.workforce.has(peer))
  }

  /** Takes a job up, and forgets the oldest that have ended when there are many. */
  add(run: JobRun): void {
    this.#runs.set(run.spec.job, run)
    for (const [job, { state }] of this.#runs) {
      if (this.#runs.size <= 4 * limit('jobsPerNode')) return
      if (state !== 'running') this.#runs.delete(job)
    }
  }

  /**
   * Takes a place and an output folder before anything is awaited, so that two jobs never share one; free again after
   * {@link release}. Throws `job.too-many`, `job.output-exists`.
   */
  claim({ outputDir }: JobSpec): void {
    const running = this.running()
    const live = running.length + this.#claimed.size
    if (live >= limit('jobsPerNode'))
      throw userError('job.too-many', `${live} jobs are running, the most one node coordinates; wait for one to end`)
    if (this.#claimed.has(outputDir) || running.some((run) => run.spec.outputDir === outputDir))
      throw userError('job.output-exists', `${outputDir} belongs to a running job; choose another output folder`)
    this.#claimed.add(outputDir)
  }

  /** The job runs by now, or never will. */
  release({ outputDir }: JobSpec): void {
    this.#claimed.delete(outputDir)
  }
}
