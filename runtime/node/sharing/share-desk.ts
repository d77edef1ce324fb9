import { type Clock, type Digest, isAividaError, type Logger, limit, peerError, sleep } from '../../base/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import type { AccountProofs } from '../../job/following/index.ts'
import {
  type BlobRef,
  type JobRecordDocument,
  type JobStatus,
  PROTOCOLS,
  type SharedReply,
  type SharedRequest,
  sharedJobsCodec,
  sharedRecordCodec,
  sharedReplyCodec,
  sharedRequestCodec,
} from '../../protocol/index.ts'
import { TokenBucket } from '../../swarm/conduct/token-bucket.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { withoutFolder, withoutPaths } from '../record/without-paths.ts'
import { type ResultFile, resultFile, resultPaths } from './result-files.ts'
import type { Shares } from './shares.ts'

/** What a desk works on. */
export interface ShareDeskInit {
  readonly swarm: Pick<Swarm, 'serve'>
  readonly clock: Clock
  readonly logger: Logger
  readonly proofs: Pick<AccountProofs, 'accountOf'>
  readonly shares: Pick<Shares, 'readable' | 'allReadable' | 'parts'>
  /** How a job has gone so far. Throws `record.none`, `log.*`. */
  readonly record: (status: JobStatus) => Promise<JobRecordDocument>
  /** Where files wait for their readers. */
  readonly blobs: Pick<BlobStore, 'putFile' | 'has' | 'pin'>
}

/** Owner of the copies that readers fetch. */
export const SHARED_OWNER = 'shared'

/** A reader that asks faster than it may is answered later, and is refused where that would be later than this. */
const MAX_WAIT_MS = 10_000

/** Codes of a file that cannot be copied for its reader as long as others wait for theirs, or at all. */
const NO_ROOM = /^(blob\.quota|disk\.(budget|full))$/

interface Answer {
  readonly reply: SharedReply
  readonly body?: Uint8Array
}

/** Answers readers: nodes of the accounts that may read a job of this node. */
export class ShareDesk {
  readonly #init: ShareDeskInit
  readonly #asks = new Map<string, TokenBucket>()
  /** Blobs that a reader was told the name of, the oldest first. */
  readonly #handed = new Map<string, { readonly job: string; readonly account: string; readonly untilMs: number }>()
  /** Blobs of files that have not changed since. */
  readonly #known = new Map<string, BlobRef>()

  constructor(init: ShareDeskInit) {
    this.#init = init
  }

  start(): void {
    this.#init.swarm.serve(PROTOCOLS.sharing, (channel) => this.#serve(channel))
  }

  /** Whether a peer may read a blob here: it was told its name as that of a file of a job, and its account may still read that. */
  async gives(peer: string, blob: Digest): Promise<boolean> {
    const handed = this.#handed.get(`${peer} ${blob}`)
    if (!handed || handed.untilMs < this.#init.clock.monoMs()) return false
    return (await this.#init.shares.readable(handed.job, handed.account)) !== undefined
  }

  async #serve(channel: Channel): Promise<void> {
    const frame = await channel.receive()
    if (!frame) return channel.end()
    const request = sharedRequestCodec.decode(frame.header)
    const { reply, body } = await this.#answer(channel.peer, request).catch((error) => ({
      reply: this.#refusal(channel.peer, request, error),
      body: undefined,
    }))
    await channel.send(sharedReplyCodec.encode(reply), body ? [body] : [])
    await channel.end()
  }

  async #answer(peer: string, request: SharedRequest): Promise<Answer> {
    await this.#inTurn(peer)
    const { proofs, shares, record } = this.#init
    const account = proofs.accountOf(peer, request.binding)
    if (request.type === 'jobs') {
      const jobs = account === undefined ? [] : shares.allReadable(account)
      // Who computes is for those who open one.
      const told = jobs.slice(0, limit('sharedJobs')).map((status) => ({ ...asTold(status), workers: [] }))
      return { reply: { type: 'jobs' }, body: sharedJobsCodec.encode({ jobs: told }) }
    }
    const status = account === undefined ? undefined : await shares.readable(request.job, account)
    if (account === undefined || !status) throw noSuchJob(request.job)
    switch (request.type) {
      case 'status':
        return { reply: { type: 'status', status: asTold(status) } }
      case 'record': {
        const found = await record(status)
        const paths = [...resultPaths(status, found.parts)]
        const files = (await Promise.all(paths.map(([name, path]) => resultFile(name, path)))).flatMap(
          (file) => file ?? [],
        )
        const told = withoutPaths(found)
        const body = sharedRecordCodec.encode({
          record: { ...told, parts: told.parts.map((part) => ({ ...part, file: withoutFolder(part.file) })) },
          files: files.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
        })
        return { reply: { type: 'record' }, body }
      }
      case 'file': {
        const paths = resultPaths(status, await shares.parts(request.job))
        const file = await resultFile(request.name, paths.get(request.name))
        if (!file) throw peerError('share.no-file', `${request.job} has no file of that name at its node`)
        const ref = await this.#keep(file)
        this.#hand(`${peer} ${ref.blob}`, { job: request.job, account })
        return { reply: { type: 'file', ref } }
      }
    }
  }

  /** A copy of a file, for as long as its reader may need it. */
  async #keep({ path, sizeBytes, modifiedMs }: ResultFile): Promise<BlobRef> {
    const { blobs, clock } = this.#init
    const pin = { owner: SHARED_OWNER, untilWallMs: Math.floor(clock.wallMs()) + limit('sharedBlobMs') }
    const key = `${sizeBytes} ${modifiedMs} ${path}`
    const known = this.#known.get(key)
    if (known && blobs.has(known.blob)) {
      await blobs.pin([known.blob], pin)
      return known
    }
    const ref = await blobs.putFile(path, { pin })
    this.#known.set(key, ref)
    dropOldest(this.#known)
    return ref
  }

  #hand(key: string, { job, account }: { readonly job: string; readonly account: string }): void {
    this.#handed.delete(key)
    this.#handed.set(key, { job, account, untilMs: this.#init.clock.monoMs() + limit('sharedBlobMs') })
    dropOldest(this.#handed)
  }

  async #inTurn(peer: string): Promise<void> {
    const { clock } = this.#init
    const nowMs = clock.monoMs()
    const terms = { perSecond: limit('sharedAsksPerSecond'), burst: limit('sharedAsksBurst') }
    const asks = this.#asks.get(peer) ?? new TokenBucket(terms, nowMs)
    this.#asks.set(peer, asks)
    if (this.#asks.size > limit('peers')) this.#asks.delete(this.#asks.keys().next().value as string)
    const waitMs = asks.oweWithin(MAX_WAIT_MS, 1, nowMs)
    if (waitMs === undefined)
      throw peerError('share.busy', `expected at most ${terms.perSecond} questions a second; ask again later`)
    if (waitMs > 0) await sleep(clock, waitMs)
  }

  /** Of what went wrong here a reader is told nothing: it may name folders. */
  #refusal(peer: string, request: SharedRequest, error: unknown): SharedReply {
    const { logger } = this.#init
    if (isAividaError(error) && (error.code === 'job.unknown' || error.code.startsWith('share.'))) {
      logger.debug({ peer, request: request.type, code: error.code }, 'a reader was refused')
      return { type: 'refused', code: error.code, message: error.message.slice(0, 1024) }
    }
    if (isAividaError(error) && NO_ROOM.test(error.code))
      return {
        type: 'refused',
        code: 'share.no-room',
        message: 'there is no room for a copy there just now; ask again later',
      }
    logger.warn({ peer, request: request.type, error: String(error) }, 'a reader of a shared job could not be answered')
    return { type: 'refused', code: 'share.failed', message: 'that could not be read; the log of the node says why' }
  }
}

/** A status without folders of this machine, and without who else may read the job. */
function asTold({ sharedWith: _, error, ...status }: JobStatus): JobStatus {
  return { ...status, outputDir: '', ...(error && { error: { ...error, facts: {} } }) }
}

/** One answer for what is not here and for what is not the asker's to read. */
function noSuchJob(job: string) {
  return peerError('job.unknown', `no ${job} here that your account may read`)
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size > limit('sharedBlobs')) map.delete(map.keys().next().value as string)
}
