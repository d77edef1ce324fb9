import type { JobJournal } from '../journal/index.ts'

/** Which accounts' nodes may read a job, beside those of its own. */
export class Sharing {
  readonly #journal: Pick<JobJournal, 'append'>
  #accounts: readonly string[]

  constructor(journal: Pick<JobJournal, 'append'>, before: readonly string[] = []) {
    this.#journal = journal
    this.#accounts = before
  }

  get accounts(): readonly string[] {
    return this.#accounts
  }

  /** Journals it, then holds to it. Throws `log.*`. */
  async to(accounts: readonly string[]): Promise<void> {
    await this.#journal.append({ type: 'shared', accounts: [...accounts] })
    this.#accounts = accounts
  }

  /** What the journal says, which somebody else has written. */
  noted(accounts: readonly string[]): void {
    this.#accounts = accounts
  }
}
