import { open } from 'node:fs/promises'
import { type Digest, limit, peerError, toAividaError } from '../../base/index.ts'
import { type Coordinator, type GivenUp, jobUnknown, noteAdoption } from '../../job/coordinator/index.ts'
import {
  Adopter,
  type AdopterInit,
  FollowedJournals,
  type FollowedPlaces,
  Follower,
  JournalDesk,
  type JournalDeskInit,
} from '../../job/following/index.ts'
import type { Worker } from '../../job/worker/index.ts'
import type { Adoption, JobStatus, Signed } from '../../protocol/index.ts'
import type { JobParts } from './job-parts.ts'

/** What {@link openJobFollowing} connects. */
export interface JobFollowingInit
  extends Pick<JobParts, 'swarm' | 'clock' | 'logger' | 'signer' | 'proofs' | 'journals' | 'blobs'>,
    Pick<AdopterInit, 'whereabouts' | 'checkInput' | 'bringModel' | 'hasPart' | 'keepPart'>,
    Pick<JournalDeskInit, 'readPart'> {
  readonly coordinator: Coordinator
  readonly worker: Worker
  /** Where copies of journals are kept. */
  readonly places: FollowedPlaces
  /** How a job ended here, in this run of the node or an earlier one. */
  readonly endedJob: (job: string) => Promise<JobStatus | undefined>
  /** An ended job was adopted elsewhere: its journal says so now. */
  readonly adoptionNoted: (status: JobStatus) => Promise<void>
}

/** This node's side of jobs that outlive their coordinator. */
export interface JobFollowing {
  readonly followed: FollowedJournals
  readonly adopter: Adopter
  start(): void
  stop(): Promise<void>
  /** The job of an adoption that lets its adopter read this blob of the job's model here. Throws `grant.*`, `adoption.*`. */
  adoptedBlob(peer: string, blob: Digest, signed: Signed): string
}

/** Shows this node's journals, follows those of its account's other nodes, and adopts their jobs when asked to. */
export async function openJobFollowing(init: JobFollowingInit): Promise<JobFollowing> {
  const { places, logger, coordinator, worker, proofs, blobs } = init
  const followed = await FollowedJournals.open(places, logger)
  const desk = new JournalDesk({
    ...init,
    followed,
    accountOf: (job) => coordinator.accountOf(job),
    fence: (adoption, signed, stands) => fence(init, adoption, signed, stands),
    rolledBack: (job, seen) => {
      coordinator.rolledBack(job, seen).catch((error) => {
        logger.error(
          { job, error: toAividaError(error).message },
          'a job whose journal was rolled back could not be ended',
        )
      })
    },
  })
  const follower = new Follower({ ...init, followed })
  const adopter = new Adopter({ ...init, followed })
  return {
    followed,
    adopter,
    start() {
      desk.start()
      follower.start()
      adopter.start()
    },
    async stop() {
      desk.stop()
      adopter.stop()
      await follower.stop()
      await followed.close()
    },
    adoptedBlob(peer, blob, signed) {
      const { job, node, account } = proofs.openAdoption(signed)
      if (node !== peer) throw peerError('grant.audience', `the adoption of ${job} is by ${node}, not by ${peer}`)
      const owner = coordinator.accountOf(job) ?? worker.accountOf(job)
      if (owner !== account || !blobs.pinned(job).roots.includes(blob))
        throw peerError('grant.job', `${job} of ${account} is not known here, or has no such blob`)
      return job
    },
  }
}

/** Gives up a job that runs here; of one that has ended, its journal and its status name the adopter. */
async function fence(
  { coordinator, journals, swarm, endedJob, adoptionNoted }: JobFollowingInit,
  adoption: Adoption,
  signed: Signed,
  stands: boolean,
): Promise<GivenUp> {
  const { job, from, node: by, atWallMs } = adoption
  const live = coordinator.status(job)?.state
  if (live === 'running' || live === 'adopted' || (live && !stands)) return coordinator.giveUp(adoption, signed)
  const ended = await endedJob(job)
  if (!ended) throw jobUnknown(job, swarm.self)
  const claim = { adoption, signed, stands, self: swarm.self }
  const left = await noteAdoption(ended, (id) => journals.open(id), claim)
  coordinator.goesOn(job, signed)
  await adoptionNoted({ ...ended, adoption: { from, by, atWallMs } })
  return left
}

/** Some bytes of a file, at most what one answer about a journal holds. Throws as the system does. */
export async function readSlice(path: string, offset: number): Promise<{ sizeBytes: number; bytes: Uint8Array }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const bytes = new Uint8Array(Math.max(0, Math.min(limit('journalPullBytes'), size - offset)))
    const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, offset)
    return { sizeBytes: size, bytes: bytes.subarray(0, bytesRead) }
  } finally {
    await file.close()
  }
}
