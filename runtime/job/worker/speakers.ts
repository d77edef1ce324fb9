import { isAividaError } from '../../base/index.ts'
import { type Adoption, type CalledJob, outranks, type Signed } from '../../protocol/index.ts'
import type { WorkerPorts } from './ports.ts'

/** Adoptions shown to a coordinator that has not heard of them, in one message. */
const SHOWN = 16

/**
 * Who may speak for a job: whoever leased it first, other nodes of that one's account, and - once it was adopted - its
 * adopter alone. What was shown to this worker it shows to others, so that a coordinator that comes back learns of it.
 */
export class Speakers {
  readonly #ports: Pick<WorkerPorts, 'swarm' | 'journal' | 'openAdoption' | 'logger'>

  constructor(ports: Pick<WorkerPorts, 'swarm' | 'journal' | 'openAdoption' | 'logger'>) {
    this.#ports = ports
  }

  /** Whether a peer may speak for a job that it names, by what is known or by the adoption that it shows. */
  hear(from: string, { job, adoption }: CalledJob): boolean {
    if (adoption) this.#learn(from, job, adoption)
    return this.mayCall(from, job)
  }

  mayCall(from: string, job: string): boolean {
    const { journal, swarm } = this.#ports
    const known = journal.jobs().get(job)
    if (known?.from === undefined || known.from === from) return true
    if (known.adoption) return false
    const account = swarm.accountOf(known.from)
    return account !== undefined && swarm.accountOf(from) === account
  }

  /** The adoptions of these jobs, to show to somebody else who speaks for them. */
  shown(jobs: Iterable<string>): Signed[] {
    const { journal } = this.#ports
    return [...new Set(jobs)].flatMap((job) => journal.jobs().get(job)?.adoption ?? []).slice(0, SHOWN)
  }

  /** Whose job it is, as far as this worker knows. */
  accountOf(job: string): string | undefined {
    const { journal, swarm } = this.#ports
    const known = journal.jobs().get(job)
    return known && (known.account ?? (known.from === undefined ? undefined : swarm.accountOf(known.from)))
  }

  #learn(from: string, job: string, signed: Signed): void {
    const { journal, openAdoption, logger } = this.#ports
    const known = journal.jobs().get(job)
    if (known?.from === from && known.adoption) return
    const adoption = openAdoption(signed)
    if (!this.#counts(from, job, adoption)) {
      logger.warn({ job, peer: from, epoch: adoption.epoch }, 'an adoption does not count here')
      return
    }
    journal.adopted(adoption, signed).catch((error) => {
      if (!isAividaError(error)) throw error
      logger.error({ job, code: error.code, message: error.message }, 'an adoption could not be journalled')
    })
  }

  #counts(from: string, job: string, { node, account, epoch, ...adoption }: Adoption): boolean {
    if (node !== from || adoption.job !== job) return false
    const known = this.#ports.journal.jobs().get(job)
    if (!known) return true
    const isTheirs = node === known.from || this.accountOf(job) === account
    return isTheirs && outranks({ epoch, node }, { epoch: known.epoch, node: known.from ?? '' })
  }
}
