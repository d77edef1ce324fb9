import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AividaError, limit, sha256, toAividaError, userError } from '../../base/index.ts'
import { fetchBlob } from '../../data/blob/index.ts'
import type { AdopterInit } from '../../job/following/index.ts'
import { replaceFile, systemDisk } from '../../log/disk.ts'
import { type JobSpec, type ResultPart, signedCodec } from '../../protocol/index.ts'
import { openJobSource, scanJobModel } from '../submission/submission.ts'
import { whereabouts } from './followed-views.ts'
import type { JobParts } from './job-parts.ts'

/** What adopting a job takes of this node's disk and blobs. */
export function adoptionPorts({
  swarm,
  blobs,
  clock,
  provider,
}: Pick<JobParts, 'swarm' | 'blobs' | 'clock' | 'provider'>): Pick<
  AdopterInit,
  'whereabouts' | 'checkInput' | 'bringModel' | 'hasPart' | 'keepPart'
> {
  return {
    whereabouts: (peer) => whereabouts(swarm, peer),
    async checkInput(spec, given) {
      const source = await openJobSource(spec, await scanJobModel(spec, blobs))
      await source.close()
      const { input } = spec.request
      if (!given && spec.inputIdentity !== undefined && source.identity !== spec.inputIdentity)
        throw userError(
          'adopt.other-input',
          `${input.path} is not the input that the job began with: sizes or times differ; if it holds the same rows, say so: --input ${input.path}`,
        )
    },
    async bringModel({ job, model }, from, adoption) {
      const others = swarm.members().map(({ peer }) => peer)
      const providers = [...new Set([from, ...others])].slice(0, limit('blobProviders')).map(provider)
      for (const { blob, sizeBytes } of [model.graph, ...model.weights]) {
        const grant = signedCodec.encode(adoption)
        await fetchBlob({ root: blob, sizeBytes, providers, store: blobs, clock, grant, pin: { owner: job } }).catch(
          (error) => {
            throw noModel(job, blob, from, error)
          },
        )
      }
    },
    async hasPart(spec, part, oldDir) {
      if (await isWhole(join(spec.outputDir, part.file), part)) return true
      if (oldDir === spec.outputDir) return false
      const found = await readFile(join(oldDir, part.file)).catch(() => undefined)
      return found !== undefined && keep(spec, part, found)
    },
    keepPart: keep,
  }
}

async function isWhole(path: string, { sha256: expected }: ResultPart): Promise<boolean> {
  const bytes = await readFile(path).catch(() => undefined)
  return bytes !== undefined && sha256(bytes) === expected
}

async function keep({ outputDir }: JobSpec, part: ResultPart, bytes: Uint8Array): Promise<boolean> {
  if (sha256(bytes) !== part.sha256) return false
  await systemDisk.makeDir(outputDir)
  await replaceFile(systemDisk, outputDir, part.file, [bytes])
  return true
}

function noModel(job: string, blob: string, from: string, cause: unknown): AividaError {
  const { message, retryable } = toAividaError(cause)
  return new AividaError({
    code: 'adopt.no-model',
    category: 'platform',
    message: `blob ${blob} of the model of ${job} is nowhere to be had (${message}); bring back ${from} or a worker that has computed for the job, then repeat`,
    retryable,
    facts: { job, blob },
    cause,
  })
}

/** Refuses a folder that holds anything: parts of another result would be written over. Throws `job.output-exists`. */
export async function assertFreeFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  if (names.length > 0)
    throw userError('job.output-exists', `${folder} is not empty; choose another output folder, or empty it`)
}
