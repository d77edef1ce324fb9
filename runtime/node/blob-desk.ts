import { type Clock, type Digest, peerError } from '../base/index.ts'
import { type BlobStore, serveBlobs } from '../data/blob/index.ts'
import { grantCodec, openDocument, PROTOCOLS, peerIdOf, signedCodec } from '../protocol/index.ts'
import type { Swarm } from '../swarm/swarm.ts'

/** What the desk asks of the rest of the node. */
export interface BlobDeskInit {
  readonly swarm: Swarm
  readonly clock: Clock
  /** Looked through in this order. */
  readonly stores: readonly [BlobStore, ...BlobStore[]]
  /** Whether a grant of this job may still be honoured here. */
  readonly serves: (job: string) => boolean
  /** Whether this node, as a worker, owes a peer these outputs. */
  readonly owes: (peer: string, blob: Digest) => boolean
  readonly sent: (job: string, sizeBytes: number) => void
}

/** Serves blobs to members: a job's inputs and model to whoever holds its grant, outputs to whom they are owed. */
export function openBlobDesk(init: BlobDeskInit): void {
  init.swarm.serve(PROTOCOLS.blob, async (channel) => {
    const store: Pick<BlobStore, 'open'> = {
      open: (root, options) => (init.stores.find((each) => each.has(root)) ?? init.stores[0]).open(root, options),
    }
    let job: string | undefined
    await serveBlobs(channel, store, {
      authorise: (peer, { blob, grant }) => {
        job = grant ? grantedJob(init, peer, blob, grant) : undefined
        if (job === undefined && !init.owes(peer, blob))
          throw peerError(
            'grant.missing',
            `no grant was shown for blob ${blob}; the submitter sends one with its leases`,
          )
      },
      sent: (bytes) => job !== undefined && init.sent(job, bytes),
    })
  })
}

/** The job of a grant that holds here and now. Throws `grant.*`, `signature.*`. */
function grantedJob({ swarm, clock, serves }: BlobDeskInit, peer: string, blob: Digest, bytes: Uint8Array): string {
  const { value, by } = openDocument(grantCodec, signedCodec.decode(bytes))
  const refuse = (what: string, message: string) => peerError(`grant.${what}`, message)
  if (value.submitter !== swarm.self || peerIdOf(by) !== swarm.self)
    throw refuse('issuer', `the grant is of ${value.submitter}; this node honours its own`)
  if (!value.audience.includes(peer)) throw refuse('audience', `the grant is not for ${peer}`)
  if (value.untilWallMs <= clock.wallMs()) throw refuse('expired', `the grant ended; the next lease brings a new one`)
  if (value.blobs.length > 0 && !value.blobs.includes(blob))
    throw refuse('blob', `the grant does not name blob ${blob}`)
  if (!serves(value.job)) throw refuse('job', `job ${value.job} is not running here`)
  return value.job
}
