import { type Clock, type Digest, hasEnded, isAividaError, peerError } from '../base/index.ts'
import {
  type BlobStore,
  type OpenProvider,
  type ServedStore,
  Spread,
  serveBlobs,
  UploadTurns,
} from '../data/blob/index.ts'
import type { Coordinator } from '../job/coordinator/index.ts'
import type { Worker } from '../job/worker/index.ts'
import {
  adoptionCodec,
  type Grant,
  grantCodec,
  openDocument,
  PROTOCOLS,
  peerIdOf,
  type Signed,
  signedCodec,
} from '../protocol/index.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** What the desk asks of the rest of the node. */
export interface BlobDeskInit {
  readonly swarm: Swarm
  readonly clock: Clock
  /** Looked through in this order. */
  readonly stores: readonly [BlobStore, ...BlobStore[]]
  /** Knows whose grants of this node are good, and counts what is sent for a job. */
  readonly coordinator: Pick<Coordinator, 'serves' | 'sent'>
  /** Knows what this node owes as a worker, the models that it may pass on, and what members of a round have of it. */
  readonly worker: Pick<Worker, 'owes' | 'shares' | 'givesMembers'>
  /** Whether models are passed on to co-workers. Default: they are. */
  readonly passesOn?: boolean
  /** Whether a peer may read this blob as a file of a job that it may read. Default: there is none. */
  readonly shared?: (peer: string, blob: Digest) => Promise<boolean>
  /** The job of an adoption that lets a peer read this blob of a model. Throws `grant.*`, `adoption.*`. Default: none does. */
  readonly adopted?: (peer: string, blob: Digest, adoption: Signed) => string
  readonly isMember: (peer: string) => boolean
}

/** Peers as providers of blobs: what a {@link openBlobDesk} there gives. */
export const providersOver =
  (swarm: Pick<Swarm, 'open'>) =>
  (peer: string): OpenProvider =>
  (options) =>
    swarm.open(peer, PROTOCOLS.blob, options)

/**
 * Serves blobs to members: a job's inputs and model to whoever holds its grant, outputs to whom they are owed, and as a
 * worker the models of its jobs to co-workers, as far as they are here, and to members of a round what it made for them; files of
 * jobs to those who read them.
 */
export function openBlobDesk(init: BlobDeskInit): void {
  const { swarm, clock, stores, coordinator, worker } = init
  const [spread, turns] = [new Spread(), new UploadTurns(clock)]
  const store: ServedStore = {
    open: (root, options) => (stores.find((each) => each.has(root)) ?? stores[0]).open(root, options),
    arriving: (root) => stores.map((each) => each.arriving(root)).find((each) => each !== undefined),
  }
  swarm.serve(PROTOCOLS.blob, async (channel) => {
    let job: string | undefined
    await serveBlobs(channel, store, {
      spread,
      turns,
      authorise: async (peer, { blob, grant }) => {
        job = undefined
        if (!grant && (await init.shared?.(peer, blob))) return undefined
        const granted = reported(swarm, peer, () => {
          const shown = grant ? openGrant(init, peer, blob, grant) : undefined
          if (shown || worker.owes(peer, blob)) return shown
          throw peerError(
            'grant.missing',
            `no grant was shown for blob ${blob}; the submitter sends one with its leases`,
          )
        })
        job = granted?.submitter === swarm.self ? granted.job : undefined
        return granted?.job
      },
      sent: (bytes) => job !== undefined && coordinator.sent(job, bytes),
    })
  })
}

/** A grant, or an adoption, that holds here and now. Throws `grant.*`, `signature.*`. */
function openGrant(
  init: BlobDeskInit,
  peer: string,
  blob: Digest,
  bytes: Uint8Array,
): Pick<Grant, 'job' | 'submitter'> {
  const { swarm, clock, coordinator, worker, passesOn = true, adopted, isMember } = init
  const signed = signedCodec.decode(bytes)
  if (adopted && signed.kind.startsWith(`${adoptionCodec.name}/`))
    return { job: adopted(peer, blob, signed), submitter: peer }
  const { value, by } = openDocument(grantCodec, signed)
  const refuse = (what: string, message: string) => peerError(`grant.${what}`, message)
  if (peerIdOf(by) !== value.submitter || (value.submitter !== swarm.self && !isMember(value.submitter)))
    throw refuse('issuer', `the grant is of ${value.submitter}, signed by ${peerIdOf(by)}; expected a member's own`)
  if (!value.audience.includes(peer)) throw refuse('audience', `the grant is not for ${peer}`)
  if (hasEnded(value.untilWallMs, clock.wallMs()))
    throw refuse('expired', `the grant ended; the next lease brings a new one`)
  if (value.blobs.length > 0 && !value.blobs.includes(blob))
    throw refuse('blob', `the grant does not name blob ${blob}`)
  const { job, submitter } = value
  const holds =
    (submitter === swarm.self ? coordinator.serves(job) : passesOn && worker.shares(job, submitter, blob)) ||
    worker.givesMembers(job, submitter, blob)
  if (!holds) throw refuse('job', `job ${job} of ${submitter} is not running here, or has no such blob`)
  return value
}

/** Gives back what `authorise` does; what it refuses is held against the peer, though honest ones are late now and then. */
function reported<T>(swarm: Swarm, peer: string, authorise: () => T): T {
  try {
    return authorise()
  } catch (error) {
    if (isAividaError(error)) swarm.report(peer, error)
    throw error
  }
}
