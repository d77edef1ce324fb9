import { type Clock, deadline, limit, peerError } from '../../base/index.ts'
import { type Group, groupsIn } from '../../log/index.ts'
import {
  type JournalHead,
  type JournalReply,
  type JournalRequest,
  journalReplyCodec,
  journalRequestCodec,
  PROTOCOLS,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import { request } from '../../swarm/wire/index.ts'
import type { AccountProofs } from './account-proofs.ts'

/** What asking takes. */
export interface Asking {
  readonly swarm: Swarm
  readonly clock: Clock
  readonly proofs: AccountProofs
}

/**
 * Asks a node one thing of a journal. Throws what it refuses with, `journal.protocol` when the answer is of another kind,
 * `peer.not-connected`, `timeout`.
 */
export async function askJournal<T extends JournalReply['type']>(
  { swarm, clock }: Asking,
  peer: string,
  asked: JournalRequest,
  expected: T,
): Promise<{ readonly reply: Extract<JournalReply, { type: T }>; readonly body: Uint8Array }> {
  const signal = deadline(clock, limit('journalReplyMs'))
  const channel = await swarm.open(peer, PROTOCOLS.journal, { signal })
  try {
    const { header, body } = await request(channel, journalRequestCodec.encode(asked), [], { signal })
    const reply = journalReplyCodec.decode(header)
    if (reply.type === 'refused') throw peerError(reply.code, `${peer} refused: ${reply.message}`)
    if (reply.type !== expected)
      throw peerError('journal.protocol', `${peer} answered ${asked.type} with ${reply.type}, expected ${expected}`)
    await channel.end()
    return { reply: reply as Extract<JournalReply, { type: T }>, body }
  } catch (error) {
    channel.abort(error as Error)
    throw error
  }
}

/** The groups of a job's journal from an entry on, as many as one answer holds. Throws as {@link askJournal}. */
export async function pullGroups(asking: Asking, peer: string, job: string, fromSeq: number): Promise<Group[]> {
  const { binding } = asking.proofs
  const { body } = await askJournal(asking, peer, { type: 'pull', job, fromSeq, ...(binding && { binding }) }, 'groups')
  return [...groupsIn(body)]
}

/** The group that a follower has as the one that ends with a head, if it has it. Throws as {@link askJournal}. */
export async function showGroup(asking: Asking, peer: string, { job, seq }: JournalHead): Promise<Group | undefined> {
  const { binding } = asking.proofs
  const { body } = await askJournal(asking, peer, { type: 'show', job, seq, ...(binding && { binding }) }, 'groups')
  return [...groupsIn(body)].find((group) => group.firstSeq + group.count - 1 === seq)
}
