import { type AividaError, toAividaError } from '../../base/index.ts'
import { type BlobStore, blobContent, fetchBlob } from '../../data/blob/index.ts'
import type { CoordinatorPorts } from '../../job/coordinator/index.ts'
import { type Disk, replaceFiles } from '../../log/disk.ts'
import { assertSnapshot } from '../rounds/snapshot-fault.ts'
import type { JobParts } from './job-parts.ts'
import { modelFiles } from './model-file.ts'
import { TRIALS_FILE, trialsFile } from './trials-file.ts'

/** The states of trainings at their submitter: on disk, pinned by their job, and in the end files of its result. */
export function statePorts(
  { swarm, clock, blobs, provider, logger }: JobParts,
  disk: Disk,
): Pick<CoordinatorPorts, 'fetchState' | 'dropState' | 'writeStates' | 'writeModel' | 'writeTrials'> {
  const offended = (peer: string, error: AividaError) => swarm.report(peer, error)
  return {
    async fetchState(job, { blob, sizeBytes }, peer, signal, snapshot) {
      const providers = [provider(peer)]
      const pin = { owner: job }
      const isNew = !blobs.pinned(job).roots.includes(blob)
      await fetchBlob({ root: blob, sizeBytes, providers, store: blobs, clock, signal, offended, pin })
      if (!snapshot) return
      try {
        await assertSnapshot(blobs, { blob, sizeBytes }, snapshot.shard, snapshot.commitment)
      } catch (cause) {
        const error = toAividaError(cause)
        if (isNew) await blobs.unpin(job, blob)
        if (error.code === 'receipt.snapshot') offended(peer, error)
        throw error
      }
    },
    dropState(job, { blob }) {
      blobs
        .unpin(job, blob)
        .catch((error) => logger.warn({ blob, error: String(error) }, 'a state could not be let go'))
    },
    async writeTrials({ outputDir }, trials) {
      const bytes = await trialsFile(trials)
      await disk.makeDir(outputDir)
      await replaceFiles(disk, outputDir, [{ name: TRIALS_FILE, pieces: [bytes] }])
    },
    async writeModel({ outputDir }, training, state) {
      const files = await modelFiles(blobs, training, state)
      if (files.length === 0) return
      await disk.makeDir(outputDir)
      await replaceFiles(disk, outputDir, files)
    },
    async writeStates({ outputDir }, states) {
      const entries = Object.entries(states)
      await disk.makeDir(outputDir)
      await replaceFiles(
        disk,
        outputDir,
        entries.map(([name, { blob }]) => ({ name: `${name}.safetensors`, pieces: contentOf(blobs, blob) })),
      )
    },
  }
}

async function* contentOf(blobs: BlobStore, blob: string): AsyncGenerator<Uint8Array> {
  const open = await blobs.open(blob)
  try {
    yield* blobContent(open)
  } finally {
    await open.close()
  }
}
