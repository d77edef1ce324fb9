import { aborted, type Logger, peerError, toAividaError } from '../../base/index.ts'
import {
  type JournalHead,
  journalReplyCodec,
  journalRequestCodec,
  type NodeCard,
  PROTOCOLS,
} from '../../protocol/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import type { FollowedJournals } from './followed-journals.ts'
import { type Asking, pullGroups } from './journal-requests.ts'

/** What a follower works on. */
export interface FollowerInit extends Asking {
  readonly logger: Logger
  readonly followed: FollowedJournals
}

/** After a feed ended, while its node is still connected, it is asked for again after this. */
const RETRY_MS = 2_000

interface Feed {
  /** Absent until the stream is open. */
  channel: Channel | undefined
  /** The newest head of each of the node's jobs, until its copy has it. */
  readonly wanted: Map<string, JournalHead>
  /** Resolves when nothing is being pulled. */
  pulling: Promise<void> | undefined
}

/**
 * Keeps copies of the journals of this account's other nodes, as long as they are connected: hears where they end and
 * pulls what is missing. What is not yet durable there is never announced, and so never taken.
 */
export class Follower {
  readonly #init: FollowerInit
  readonly #feeds = new Map<string, Feed>()
  /** Nodes that are here and say that they belong to our account. */
  readonly #kin = new Set<string>()
  /** Jobs whose copy does not go on, so that the reason is told once. */
  readonly #stuck = new Map<string, string>()
  #stops: (() => void)[] = []
  #stopped = false

  constructor(init: FollowerInit) {
    this.#init = init
  }

  start(): void {
    const { swarm } = this.#init
    this.#stops.push(
      swarm.subscribe({
        card: (peer, card) => this.#seen(peer, card),
        alive: (peer) => this.#begin(peer),
        lost: (peer) => {
          this.#kin.delete(peer)
          this.#feeds.get(peer)?.channel?.abort(aborted('its node is gone'))
        },
      }),
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const stop of this.#stops.splice(0)) stop()
    const feeds = [...this.#feeds.values()]
    for (const { channel } of feeds) channel?.abort(aborted('the node is stopping'))
    await Promise.all(feeds.map(({ pulling }) => pulling))
  }

  /** Whether a job's coordinator is connected and tells where its journal ends. */
  hears(peer: string): boolean {
    return this.#feeds.get(peer)?.channel !== undefined
  }

  #seen(peer: string, { account }: NodeCard): void {
    const { swarm, proofs } = this.#init
    if (peer === swarm.self || proofs.own === undefined || account !== proofs.own) return
    this.#kin.add(peer)
    this.#begin(peer)
  }

  #begin(peer: string): void {
    if (this.#stopped || !this.#kin.has(peer) || this.#feeds.has(peer)) return
    const { clock, logger } = this.#init
    const feed: Feed = { channel: undefined, wanted: new Map(), pulling: undefined }
    this.#feeds.set(peer, feed)
    this.#listen(peer, feed)
      .catch((error) => logger.debug({ peer, error: String(error) }, 'journals are not followed'))
      .finally(() => {
        feed.channel = undefined
        this.#feeds.delete(peer)
        if (!this.#stopped && this.#kin.has(peer)) clock.after(RETRY_MS, () => this.#begin(peer))
      })
  }

  async #listen(peer: string, feed: Feed): Promise<void> {
    const { swarm, proofs, followed } = this.#init
    const channel = await swarm.open(peer, PROTOCOLS.journal)
    feed.channel = channel
    try {
      const { binding } = proofs
      const seen = followed.headsOf(peer)
      await channel.send(journalRequestCodec.encode({ type: 'follow', seen, ...(binding && { binding }) }))
      for (;;) {
        const frame = await channel.receive()
        if (!frame) return await channel.end()
        const reply = journalReplyCodec.decode(frame.header)
        if (reply.type === 'refused') throw peerError(reply.code, `${peer} refused: ${reply.message}`)
        if (reply.type !== 'heads') throw peerError('journal.protocol', `${peer} sent ${reply.type} instead of heads`)
        if (!proofs.isOwn(peer, reply.binding))
          throw peerError('journal.account', `${peer} is not shown to belong to this node's account`)
        for (const head of reply.heads) feed.wanted.set(head.job, head)
        this.#pull(peer, feed)
      }
    } catch (error) {
      channel.abort(toAividaError(error))
      throw error
    }
  }

  #pull(peer: string, feed: Feed): void {
    feed.pulling ??= this.#pullAll(peer, feed).finally(() => {
      feed.pulling = undefined
    })
  }

  async #pullAll(peer: string, feed: Feed): Promise<void> {
    for (;;) {
      const [head] = feed.wanted.values()
      if (!head || this.#stopped) return
      feed.wanted.delete(head.job)
      try {
        await this.#catchUp(peer, head)
        this.#stuck.delete(head.job)
      } catch (error) {
        const { code, message } = toAividaError(error)
        if (code === 'peer.not-connected' || code === 'aborted') return
        if (this.#stuck.get(head.job) !== code)
          this.#init.logger.warn({ job: head.job, peer, code, message }, 'the copy of a journal does not go on')
        this.#stuck.set(head.job, code)
      }
    }
  }

  /** Brings the copy of a journal up to a head that its coordinator announced. Throws `journal.*`, `log.*`, `peer.*`. */
  async #catchUp(peer: string, head: JournalHead): Promise<void> {
    const journal = await this.#init.followed.begin(peer, head)
    while (journal && journal.view.head.seq < head.seq) {
      const before = journal.view.head.seq
      await journal.take(await pullGroups(this.#init, peer, head.job, before + 1), head)
      if (journal.view.head.seq === before)
        throw peerError('journal.short', `${peer} sent nothing from entry ${before + 1}`)
    }
  }
}
