import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AividaError, type Clock, isAividaError, type Random, userError } from '../../base/index.ts'
import { type ModelReport, scanModel } from '../../compute/model/index.ts'
import { type BlobStore, importModel } from '../../data/blob/index.ts'
import { openSource, type Source } from '../../data/sources/index.ts'
import { newJobId } from '../../job/coordinator/index.ts'
import type { Disk } from '../../log/index.ts'
import { type InferenceJob, type JobRequest, type JobSpec, jobRequestSchema } from '../../protocol/index.ts'

/** What turns a request into a job. */
export interface SubmissionInit {
  readonly clock: Clock
  readonly random: Random
  readonly models: BlobStore
  readonly account: string
  /** Folder for results that were not given one. */
  readonly resultsDir: string
}

/**
 * Checks a request as far as that is possible without computing, and names its model by content. What is wrong with a
 * row in the middle of the input is found when it is reached.
 * Throws `model.*`, `source.*`, `job.no-such-output`, `job.output-exists`, and what `prepareTraining` and `prepareSweep` throw.
 */
export async function prepareJob(init: SubmissionInit, request: JobRequest): Promise<JobSpec> {
  const parsed = jobRequestSchema.parse(request)
  const job = newJobId(init.random)
  const outputDir = resolve(parsed.outputDir ?? join(init.resultsDir, job))
  await assertEmpty(outputDir)
  const createdWallMs = Math.floor(init.clock.wallMs())
  const common = { job, account: init.account, outputDir, createdWallMs }
  try {
    if (parsed.program === 'train') {
      const { prepareTraining } = await import('./training-submission.ts')
      return { ...common, request: parsed, ...(await prepareTraining({ blobs: init.models, job }, parsed)) }
    }
    if (parsed.program === 'sweep') {
      const { assertDescribable, prepareSweep } = await import('./sweep-submission.ts')
      const spec = { ...common, request: parsed, ...(await prepareSweep({ blobs: init.models, job }, parsed)) }
      assertDescribable(spec)
      return spec
    }
    const model = await importModel(parsed.model, init.models, { pin: { owner: job } })
    const spec = { ...common, request: parsed, model }
    const report = await scanJobModel(spec, init.models)
    assertOutputs(report, parsed.outputs)
    const source = await openJobSource(spec, report)
    await source.close()
    return { ...spec, inputIdentity: source.identity }
  } catch (error) {
    await init.models.unpin(job)
    throw error
  }
}

/** What the model of a job takes and gives, and that it holds nothing it may not. Throws `model.*`. */
export async function scanJobModel({ model }: Pick<JobSpec, 'model'>, models: BlobStore): Promise<ModelReport> {
  const weights = Object.fromEntries(model.weights.map(({ name, sizeBytes }) => [name, sizeBytes]))
  return scanModel(await models.readAll(model.graph.blob), { weights })
}

/** Opens the input of a job for its model. Throws `source.*`. */
export function openJobSource(
  { request }: Pick<InferenceJob, 'request'>,
  { inputs }: Pick<ModelReport, 'inputs'>,
): Promise<Source> {
  const { input, rowsPerShard, finite } = request
  return openSource(resolve(input.path), {
    inputs,
    rowsPerBatch: rowsPerShard,
    finite,
    ...(input.format && { format: input.format }),
  })
}

function assertOutputs({ outputs }: ModelReport, wanted: readonly string[]): void {
  const known = outputs.map(({ name }) => name)
  const wrong = wanted.find((name) => !known.includes(name))
  if (wrong !== undefined)
    throw userError('job.no-such-output', `the model has no output ${wrong}; it has ${known.join(', ')}`)
}

async function assertEmpty(folder: string): Promise<void> {
  try {
    const entries = await readdir(folder)
    if (entries.length > 0)
      throw userError('job.output-exists', `${folder} is not empty; choose another output folder, or empty it`)
  } catch (error) {
    if (isAividaError(error)) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    throw userError('job.output-unusable', `results cannot be written to ${folder}: ${message}`)
  }
}

/** A journalled job that could not be taken up again. */
export function notResumed(job: string, cause: unknown): AividaError {
  return new AividaError({
    code: 'job.not-resumed',
    category: 'platform',
    message: `${job} could not be taken up again: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  })
}

/** Folders of jobs that have a journal here. */
export async function journalledJobs(jobsDir: string, disk: Disk): Promise<string[]> {
  const names = await disk.list(jobsDir).catch(() => [])
  return names.filter((name) => name.startsWith('job-')).sort()
}
