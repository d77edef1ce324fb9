import { join } from 'node:path'
import { AividaError, type Clock, deadline, limit, peerError, toAividaError, userError } from '../../base/index.ts'
import type { AccountProofs } from '../../job/following/index.ts'
import {
  type JobStatus,
  jobIdSchema,
  PROTOCOLS,
  peerIdSchema,
  type SharedRecord,
  type SharedReply,
  type SharedRequest,
  sharedJobsCodec,
  sharedRecordCodec,
  sharedReplyCodec,
  sharedRequestCodec,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import { request } from '../../swarm/wire/index.ts'

/** What {@link SharedJobs} works on. */
export interface SharedJobsInit {
  readonly swarm: Pick<Swarm, 'open' | 'self'>
  readonly clock: Clock
  readonly proofs: Pick<AccountProofs, 'own' | 'binding'>
  /** Members that are about, in the order to ask them. */
  readonly here: () => readonly string[]
  /** What a member calls itself; empty where that is not known. */
  readonly nameOf: (peer: string) => string
  /** Where files of shared jobs are kept: a folder a job. */
  readonly folder: string
}

/** A job, and the node to ask for it where that was said. */
export interface JobReference {
  readonly job: string
  readonly node?: string
}

/** Reads `JOB` or `JOB@NODE`; `undefined` for what is neither. */
export function parseJobReference(text: string): JobReference | undefined {
  const [job, node, ...rest] = text.split('@')
  if (!jobIdSchema.safeParse(job).success || rest.length > 0) return undefined
  if (node === undefined) return { job: job! }
  return peerIdSchema.safeParse(node).success ? { job: job!, node } : undefined
}

/** Codes of a node that is not there, or was lost while it answered. */
const AWAY = /^(timeout|aborted|stream\.|frame\.truncated|channel\.no-answer|peer\.(not-connected|unreachable))/

/** Another node's job, as it is read here. */
interface Found {
  readonly node: string
  readonly status: JobStatus
}

/** Reads jobs of other nodes that this node's account may read. */
export class SharedJobs {
  readonly #init: SharedJobsInit
  /** Who has the jobs that were read here, the oldest first. */
  readonly #nodes = new Map<string, string>()

  constructor(init: SharedJobsInit) {
    this.#init = init
  }

  /**
   * Where a job stands, from the node that has it; `outputDir` is where its files are kept here. `undefined` where no node is named
   * and none that is here has it, for this account. Throws `job.unknown` where a node is named, `share.*`.
   */
  async status(reference: JobReference): Promise<JobStatus | undefined> {
    return (await this.#find(reference))?.status
  }

  /** How it has gone so far, and its files. Throws as {@link status} does. */
  async record(reference: JobReference): Promise<SharedRecord | undefined> {
    const found = await this.#find(reference)
    if (!found) return undefined
    const { job } = found.status
    const { body } = await this.#ask(found.node, { type: 'record', job }, 'record')
    const told = sharedRecordCodec.decode(body)
    if (told.record.job !== job) throw otherJob(found.node, job, told.record.job)
    return told
  }

  /** All jobs of the members that are here that this account may read, newest first; a member that does not answer is left out. */
  async list(): Promise<JobStatus[]> {
    const { clock, here, proofs } = this.#init
    if (proofs.own === undefined) return []
    const signal = deadline(clock, limit('sharedFindMs'))
    const asked = here().slice(0, limit('sharedAsked'))
    const answers = await Promise.all(
      asked.map(async (node) => {
        try {
          const { body } = await this.#ask(node, { type: 'jobs' }, 'jobs', signal)
          return sharedJobsCodec.decode(body).jobs.map((status) => this.#asRead(status, node))
        } catch {
          return [] // one that is older, or away: whoever misses a job asks for it by its node
        }
      }),
    )
    return answers.flat().sort((a, b) => b.createdWallMs - a.createdWallMs)
  }

  async #find({ job, node: named }: JobReference): Promise<Found | undefined> {
    const { self } = this.#init.swarm
    if (named === self) return undefined
    const known = named ?? this.#nodes.get(job) ?? (await this.list()).find((each) => each.job === job)?.sharedBy?.node
    if (known === undefined) return undefined
    const found = await this.#read(known, job)
    // Whoever adopted it has read all of its journal, its shares among that.
    const by = found.status.state === 'adopted' ? found.status.adoption?.by : undefined
    if (by === undefined || by === self || by === known) return found
    return this.#read(by, job)
  }

  async #read(node: string, job: string): Promise<Found> {
    const { proofs } = this.#init
    if (proofs.own === undefined)
      throw userError(
        'share.no-account',
        'jobs are shared with accounts, and this node runs without one; after aivida account link APPROVAL, or aivida account create, start it again: aivida stop, aivida up',
      )
    const { reply } = await this.#ask(node, { type: 'status', job }, 'status')
    if (reply.status.job !== job) throw otherJob(node, job, reply.status.job)
    this.#nodes.delete(job)
    this.#nodes.set(job, node)
    if (this.#nodes.size > limit('sharedBlobs')) this.#nodes.delete(this.#nodes.keys().next().value as string)
    return { node, status: this.#asRead(reply.status, node) }
  }

  /** A status as it is told here. */
  #asRead({ sharedWith: _, ...status }: JobStatus, node: string): JobStatus {
    const { folder, nameOf } = this.#init
    return { ...status, outputDir: join(folder, status.job), sharedBy: { node, name: nameOf(node) } }
  }

  async #ask<T extends Exclude<SharedReply['type'], 'refused'>>(
    node: string,
    asked: SharedRequest,
    expected: T,
    signal: AbortSignal = deadline(this.#init.clock, limit('sharedReplyMs')),
  ): Promise<{ readonly reply: Extract<SharedReply, { type: T }>; readonly body: Uint8Array }> {
    const { swarm, proofs } = this.#init
    const { binding } = proofs
    const channel = await swarm.open(node, PROTOCOLS.sharing, { signal }).catch((error) => {
      throw this.#explained(node, error)
    })
    try {
      const header = sharedRequestCodec.encode({ ...asked, ...(binding && { binding }) })
      const answer = await request(channel, header, [], { signal })
      const reply = sharedReplyCodec.decode(answer.header)
      if (reply.type === 'refused') throw this.#refused(node, asked, reply.code, reply.message)
      if (reply.type !== expected)
        throw peerError('share.protocol', `${node} answered ${asked.type} with ${reply.type}, expected ${expected}`)
      await channel.end()
      return { reply: reply as Extract<SharedReply, { type: T }>, body: answer.body }
    } catch (error) {
      channel.abort(error as Error)
      throw this.#explained(node, error)
    }
  }

  #refused(node: string, asked: SharedRequest, code: string, message: string): AividaError {
    if (code !== 'job.unknown' || !('job' in asked))
      return peerError(code.startsWith('share.') ? code : 'share.failed', `${node} refused: ${message}`)
    this.#nodes.delete(asked.job)
    return userError(
      'job.unknown',
      `${this.#called(node)} has no job ${asked.job} that ${this.#init.proofs.own} may read; its owner shares it there: aivida jobs share ${asked.job} ${this.#init.proofs.own}`,
      { job: asked.job, node },
    )
  }

  /** What kept a node from answering, in words for whoever asked here. */
  #explained(node: string, cause: unknown): AividaError {
    const error = toAividaError(cause)
    const { code, message } = error
    if (code === 'peer.no-protocol')
      return userError('share.old-node', `${this.#called(node)} is of a version that shares no jobs; have it updated`)
    if (!AWAY.test(code)) return error
    return new AividaError({
      code: 'share.node-away',
      category: 'platform',
      message: `${this.#called(node)}, which has the job, does not answer (${message}); have it started, and try again; what was fetched before lies in ${this.#init.folder}`,
      retryable: true,
      facts: { node },
      cause,
    })
  }

  #called(node: string): string {
    const name = this.#init.nameOf(node)
    return name ? `${name} (${node})` : `node ${node}`
  }
}

/** `share.read-only`, of what a reader may not do with a job. */
export function readOnly({ job, account, sharedBy }: JobStatus): AividaError {
  const at = sharedBy?.name ? `${sharedBy.name} (${sharedBy.node})` : sharedBy?.node
  return userError(
    'share.read-only',
    `${job} is a job of ${account} at ${at}, and is only read here; cancelled, scaled, shared and packed it is there, by the user of that node`,
    { job, node: sharedBy?.node },
  )
}

function otherJob(node: string, asked: string, told: string): AividaError {
  return peerError('share.protocol', `${node} was asked for ${asked} and told of ${told}`)
}
