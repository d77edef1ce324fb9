import { type Clock, type Logger, limit, peerError, toAividaError } from '../../base/index.ts'
import { groupHash, isSignedBy, type Log } from '../../log/index.ts'
import {
  type Adoption,
  type JournalHead,
  type JournalReply,
  type JournalRequest,
  journalReplyCodec,
  journalRequestCodec,
  logKey,
  PROTOCOLS,
  type Signed,
  type Signer,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { framesFrom, type Journals } from '../journal/index.ts'
import type { AccountProofs } from './account-proofs.ts'
import type { FollowedJournals } from './followed-journals.ts'
import { showGroup } from './journal-requests.ts'

/** What a desk works on. */
export interface JournalDeskInit {
  readonly swarm: Swarm
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly proofs: AccountProofs
  readonly journals: Journals
  readonly followed: FollowedJournals
  /** Whose a job is that is coordinated here. */
  readonly accountOf: (job: string) => string | undefined
  /** Stops coordinating a job for good; resolves with what the adopter lacks of its journal. Throws `job.*`. */
  readonly fence: (
    adoption: Adoption,
    signed: Signed,
    stands: boolean,
  ) => Promise<{ head: JournalHead; groups: readonly Uint8Array[] }>
  /** Bytes of a part file of a job that was adopted from here. Throws `job.*`, `part.*`. */
  readonly readPart: (
    adoption: Adoption,
    index: number,
    offset: number,
  ) => Promise<{ readonly sizeBytes: number; readonly bytes: Uint8Array }>
  /** A follower has proof of an entry that this node once wrote and has no more. */
  readonly rolledBack: (job: string, seen: { readonly seq: number; readonly by: string }) => void
}

/** Heads that moved are told together, this long after the first. */
const TELL_MS = 100

/** Shows this node's journals to the other nodes of its account, and gives a job up to one that adopts it. */
export class JournalDesk {
  readonly #init: JournalDeskInit
  #stop: (() => void) | undefined
  readonly #feeds = new Set<HeadFeed>()

  constructor(init: JournalDeskInit) {
    this.#init = init
  }

  start(): void {
    const { swarm, journals } = this.#init
    swarm.serve(PROTOCOLS.journal, (channel) => this.#serve(channel))
    this.#stop = journals.onAppend((job) => {
      for (const feed of this.#feeds) feed.moved(job)
    })
  }

  stop(): void {
    this.#stop?.()
    for (const feed of this.#feeds) feed.end()
  }

  async #serve(channel: Channel): Promise<void> {
    const frame = await channel.receive()
    if (!frame) return channel.end()
    const request = journalRequestCodec.decode(frame.header)
    try {
      if (request.type === 'follow') await this.#follow(channel, request)
      else {
        const { reply, body } = await this.#answer(channel.peer, request)
        await channel.send(journalReplyCodec.encode(reply), body)
      }
    } catch (error) {
      const { code, message } = toAividaError(error)
      this.#init.logger.debug(
        { peer: channel.peer, request: request.type, code, message },
        'a journal request was refused',
      )
      const refusal: JournalReply = { type: 'refused', code: code.slice(0, 64), message: message.slice(0, 1024) }
      await channel.send(journalReplyCodec.encode(refusal))
    }
    await channel.end()
  }

  async #answer(
    peer: string,
    request: Exclude<JournalRequest, { type: 'follow' }>,
  ): Promise<{ reply: JournalReply; body?: readonly Uint8Array[] }> {
    const { fence, readPart } = this.#init
    switch (request.type) {
      case 'pull': {
        const log = this.#logFor(peer, request.job, request.binding)
        return { reply: { type: 'groups' }, body: await framesFrom(log, request.fromSeq, limit('journalPullBytes')) }
      }
      case 'show': {
        this.#assertOwn(peer, request.binding)
        const group = await this.#init.followed.journal(request.job)?.groupEndingAt(request.seq)
        return { reply: { type: 'groups' }, body: group ? [group.frame] : [] }
      }
      case 'adopt': {
        const adoption = this.#openAdoption(peer, request.adoption)
        const { head, groups } = await fence(adoption, request.adoption, request.stands ?? false)
        return { reply: { type: 'adopted', head }, body: groups }
      }
      case 'part': {
        const adoption = this.#openAdoption(peer, request.adoption)
        const { sizeBytes, bytes } = await readPart(adoption, request.index, request.offset)
        return { reply: { type: 'part', sizeBytes }, body: [bytes] }
      }
    }
  }

  #openAdoption(peer: string, signed: Signed): Adoption {
    const adoption = this.#init.proofs.openAdoption(signed)
    if (adoption.node !== peer)
      throw peerError('adoption.signer', `${peer} shows an adoption by ${adoption.node}; only the adopter itself may`)
    return adoption
  }

  #assertOwn(peer: string, binding: Uint8Array | undefined): void {
    if (!this.#init.proofs.isOwn(peer, binding))
      throw peerError(
        'journal.account',
        `${peer} is not shown to belong to this node's account; journals are for its nodes`,
      )
  }

  #logFor(peer: string, job: string, binding: Uint8Array | undefined): Log {
    const { proofs, journals, accountOf } = this.#init
    const account = accountOf(job)
    if (account === undefined || proofs.accountOf(peer, binding) !== account)
      throw peerError('journal.account', `${job} is not coordinated here for an account of ${peer}`)
    const journal = journals.get(job)
    if (!journal) throw peerError('journal.closed', `the journal of ${job} is closed here`)
    return journal.log
  }

  async #follow(channel: Channel, { seen, binding }: Extract<JournalRequest, { type: 'follow' }>): Promise<void> {
    this.#assertOwn(channel.peer, binding)
    const { journals, proofs, accountOf, clock } = this.#init
    const unchecked = new Map(seen.map((head) => [head.job, head]))
    const check = (job: string) => {
      const head = unchecked.get(job)
      if (!head || !journals.get(job)) return // not taken up again yet
      unchecked.delete(job)
      void this.#compare(channel.peer, head)
    }
    const shown = (job: string) => accountOf(job) === proofs.accountOf(channel.peer, binding)
    const heads = () =>
      [...journals.entries()].filter(([job]) => shown(job)).map(([job, { log }]) => ({ job, ...log.head }))
    const send = (moved: readonly JournalHead[]) =>
      channel.send(
        journalReplyCodec.encode({
          type: 'heads',
          heads: [...moved].slice(0, limit('jobsPerNode')),
          ...(proofs.binding && { binding: proofs.binding }),
        }),
      )
    const feed = new HeadFeed(clock, async (jobs) => {
      for (const job of jobs) check(job)
      const moved = heads().filter(({ job }) => jobs.has(job))
      if (moved.length > 0) await send(moved)
    })
    this.#feeds.add(feed)
    try {
      for (const job of [...unchecked.keys()]) check(job)
      await send(heads())
      // The follower sends nothing more: its end, or that of the connection, ends the feed.
      const gone = channel.receive().then(
        () => feed.end(),
        () => feed.end(),
      )
      await feed.ended
      channel.abort(peerError('journal.ended', 'the journal is followed no more'))
      await gone
    } finally {
      this.#feeds.delete(feed)
    }
  }

  /** Whether a follower has seen more of a journal than there is: it was damaged, or put back. */
  async #compare(peer: string, head: JournalHead): Promise<void> {
    const { journals, logger, signer } = this.#init
    const { job, seq } = head
    const log = journals.get(job)?.log
    try {
      if (!log || (await holds(log, head))) return
      const group = await showGroup(this.#init, peer, head)
      if (!group || groupHash(group) !== head.hash || !isSignedBy(group, logKey(job, signer)))
        throw peerError('journal.claim', `${peer} claims entry ${seq} of ${job} and cannot show it`)
      logger.error({ job, peer, seq, tail: log.tail }, 'a journal lacks what a follower has of it')
      this.#init.rolledBack(job, { seq, by: `node ${peer}` })
    } catch (error) {
      const { code, message } = toAividaError(error)
      logger.warn({ job, peer, code, message }, 'what a follower claims of a journal could not be checked')
    }
  }
}

/** Whether a log has the group that ends with this head. */
async function holds(log: Log, { seq, hash }: JournalHead): Promise<boolean> {
  if (log.tail < seq) return false
  for await (const group of log.groups(seq))
    return group.firstSeq + group.count - 1 === seq && groupHash(group) === hash
  return false
}

/** Collects the jobs whose heads moved, and tells of them together. */
class HeadFeed {
  readonly ended: Promise<void>
  readonly #clock: Clock
  readonly #tell: (jobs: ReadonlySet<string>) => Promise<void>
  readonly #end: () => void
  #moved = new Set<string>()
  #due = false
  #over = false

  constructor(clock: Clock, tell: (jobs: ReadonlySet<string>) => Promise<void>) {
    this.#clock = clock
    this.#tell = tell
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
  }

  moved(job: string): void {
    this.#moved.add(job)
    if (this.#due || this.#over) return
    this.#due = true
    this.#clock.after(TELL_MS, () => void this.#flush())
  }

  async #flush(): Promise<void> {
    const moved = this.#moved
    this.#moved = new Set()
    try {
      if (!this.#over) await this.#tell(moved) // what moves meanwhile is told next: a slow reader gets fewer heads
    } catch {
      this.end()
    }
    this.#due = false
    const [next] = this.#moved
    if (next !== undefined) this.moved(next)
  }

  end(): void {
    this.#over = true
    this.#end()
  }
}
