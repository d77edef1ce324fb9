import { peerError } from '../../base/index.ts'
import {
  type Group,
  groupEntries,
  groupHash,
  isSigned,
  isSignedBy,
  type LogKey,
  type LogStore,
  NO_HASH,
} from '../../log/index.ts'
import { type JobSpec, type JournalHead, publicKeyOf, termOf, verifySignature } from '../../protocol/index.ts'
import { adoptedSpec, jobEntryCodec } from '../journal/index.ts'

/** What is known of a job whose journal is followed. */
export interface FollowedJob {
  readonly job: string
  /** The coordinator that its journal comes from. */
  readonly from: string
  /** Where the copy ends. */
  readonly head: Omit<JournalHead, 'job'>
  /** Absent until its first entry is here. */
  readonly spec: JobSpec | undefined
  readonly parts: number
  readonly rows: number
  readonly ended: boolean
  readonly sizeBytes: number
}

/**
 * A copy of another node's job journal, group by group as they were sealed there: the same bytes, under the
 * coordinator's signatures, chained as far as it goes.
 */
export class FollowedJournal {
  readonly job: string
  readonly from: string
  readonly #store: LogStore
  readonly #key: Pick<LogKey, 'name' | 'verify'>
  readonly #epoch: number
  #seq = 0
  #hash = NO_HASH
  #groupEpoch = 0
  #spec: JobSpec | undefined
  #parts = 0
  #rows = 0
  #ended = false
  #sizeBytes = 0

  private constructor(job: string, from: string, store: LogStore, epoch: number) {
    this.job = job
    this.from = from
    this.#store = store
    this.#epoch = epoch
    const publicKey = publicKeyOf(from)
    this.#key = { name: job, verify: (bytes, signature) => verifySignature(publicKey, bytes, signature) }
  }

  /** Begins a copy, or goes on with one: then `from` is who it was begun with. Throws `log.*`. */
  static async open(store: LogStore, job: string, from?: string): Promise<FollowedJournal | undefined> {
    const { epoch, tail } = await store.open()
    try {
      const begun = await store.lastSnapshot()
      const origin = begun ? new TextDecoder().decode(begun.bytes) : from
      if (origin === undefined) {
        await store.close()
        return undefined
      }
      if (!begun) await store.putSnapshot({ seq: 0, bytes: new TextEncoder().encode(origin) }) // whose copy it is
      const journal = new FollowedJournal(job, origin, store, epoch)
      if (tail > 0) for await (const group of store.read(1)) journal.#learn(group)
      return journal
    } catch (error) {
      await store.close()
      throw error
    }
  }

  get view(): FollowedJob {
    const { job, from } = this
    return {
      job,
      from,
      head: { epoch: this.#groupEpoch, seq: this.#seq, hash: this.#hash },
      spec: this.#spec,
      parts: this.#parts,
      rows: this.#rows,
      ended: this.#ended,
      sizeBytes: this.#sizeBytes,
    }
  }

  /**
   * Takes the next groups, up to a head that the coordinator said is durable. Each is chained to the one before; each of
   * this coordinator's is signed by it, and those of an earlier one, whose place it took, are held by the chain to the
   * head. Resolves when they are durable. Throws `journal.broken`, `log.*`; what was taken before stays.
   */
  async take(groups: readonly Group[], head: JournalHead): Promise<void> {
    for (const group of groups) {
      const last = group.firstSeq + group.count - 1
      if (last > head.seq) return // not said to be durable
      if (group.firstSeq !== this.#seq + 1 || group.previousHash !== this.#hash)
        throw this.#broken(`entry ${group.firstSeq} does not follow entry ${this.#seq}`)
      if (last === head.seq && groupHash(group) !== head.hash)
        throw this.#broken(`entry ${last} is not the one announced`)
      const earlier = termOf(group.epoch) < termOf(head.epoch)
      if (!earlier && !(isSigned(group) && isSignedBy(group, this.#key)))
        throw this.#broken(`the group of entry ${group.firstSeq} is not signed by its coordinator`)
      await this.#store.append(group, { epoch: this.#epoch })
      this.#learn(group)
    }
  }

  /** The group that ends with `seq`: what its coordinator signed once. */
  async groupEndingAt(seq: number): Promise<Group | undefined> {
    if (seq < 1 || seq > this.#seq) return undefined
    for await (const group of this.#store.read(seq)) return group.firstSeq + group.count - 1 === seq ? group : undefined
    return undefined
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #learn(group: Group): void {
    this.#seq = group.firstSeq + group.count - 1
    this.#hash = groupHash(group)
    this.#groupEpoch = group.epoch
    this.#sizeBytes += group.frame.byteLength
    for (const bytes of groupEntries(group)) {
      const entry = jobEntryCodec.decode(bytes)
      if (entry.type === 'created') this.#spec = entry.spec
      else if (entry.type === 'adopted') {
        this.#parts = this.#rows = 0 // those that are kept are journalled again
        this.#spec &&= adoptedSpec(this.#spec, entry)
      } else if (entry.type === 'ended') this.#ended = true
      else if (entry.type === 'part') {
        this.#parts++
        this.#rows += entry.part.rows
      }
    }
  }

  #broken(what: string) {
    return peerError('journal.broken', `the journal of ${this.job} that ${this.from} sends is broken: ${what}`)
  }
}
