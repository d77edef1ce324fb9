import { AividaError, type Clock, deadline, limit, peerError, toAividaError, userError } from '../../base/index.ts'
import type { AccountProofs } from '../../job/following/index.ts'
import {
  PROTOCOLS,
  type SharedReply,
  type SharedRequest,
  sharedReplyCodec,
  sharedRequestCodec,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import { request } from '../../swarm/wire/index.ts'

/** What asking takes. */
export interface ShareRequestsInit {
  readonly swarm: Pick<Swarm, 'open' | 'self'>
  readonly clock: Clock
  readonly proofs: Pick<AccountProofs, 'own' | 'binding'>
  /** What a member calls itself; empty where that is not known. */
  readonly nameOf: (peer: string) => string
  /** Where files of shared jobs are kept: a folder a job. */
  readonly folder: string
}

/** What is answered to a reader that is not refused. */
export type SharedAnswer = Exclude<SharedReply['type'], 'refused'>

/** Codes of a node that is not there, or was lost while it answered. */
const AWAY = /^(timeout|aborted|stream\.|frame\.truncated|channel\.no-answer|peer\.(not-connected|unreachable))/

/** Asks other nodes for jobs that this node's account may read, one question a stream. */
export class ShareRequests {
  readonly #init: ShareRequestsInit

  constructor(init: ShareRequestsInit) {
    this.#init = init
  }

  /**
   * Asks one thing. Throws `job.unknown` for a job that is not there or may not be read, `share.no-account`, `share.node-away`,
   * `share.old-node`, `share.busy`, `share.failed`, `share.protocol`, `share.no-file`.
   */
  async ask<T extends SharedAnswer>(
    node: string,
    asked: SharedRequest,
    expected: T,
    signal: AbortSignal = deadline(this.#init.clock, limit('sharedReplyMs')),
  ): Promise<{ readonly reply: Extract<SharedReply, { type: T }>; readonly body: Uint8Array }> {
    const { swarm, proofs } = this.#init
    const { binding, own } = proofs
    if (own === undefined) throw noAccount()
    const channel = await swarm.open(node, PROTOCOLS.sharing, { signal }).catch((error) => {
      throw this.explained(node, error)
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
      throw this.explained(node, error)
    }
  }

  /** What kept a node from answering, in words for whoever asked here. */
  explained(node: string, cause: unknown): AividaError {
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

  #refused(node: string, asked: SharedRequest, code: string, message: string): AividaError {
    if (code !== 'job.unknown' || !('job' in asked))
      return peerError(code.startsWith('share.') ? code : 'share.failed', `${this.#called(node)} refused: ${message}`)
    const { own } = this.#init.proofs
    return userError(
      'job.unknown',
      `${this.#called(node)} has no job ${asked.job} that ${own} may read; its owner shares it there: aivida jobs share ${asked.job} ${own}`,
      { job: asked.job, node },
    )
  }

  #called(node: string): string {
    const name = this.#init.nameOf(node)
    return name ? `${name} (${node})` : `node ${node}`
  }
}

function noAccount(): AividaError {
  return userError(
    'share.no-account',
    'jobs are shared with accounts, and this node runs without one; after aivida account link APPROVAL, or aivida account create, start it again: aivida stop, aivida up',
  )
}
