import { limit, userError } from '../../base/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import { jobEntryCodec } from '../../job/journal/index.ts'
import type { BlobRef, JobSpec, ModelRef, SweepRequest, SweepSpec, TrainingSpec } from '../../protocol/index.ts'
import type { TrainingSubmission } from './kept-models.ts'
import { prepareTraining } from './training-submission.ts'

/**
 * Keeps all that the trainings of a sweep are made from, each distinct one once, and checks them as {@link prepareTraining}
 * does. Throws `sweep.trial`, `sweep.no-evaluation`, and what that throws.
 */
export async function prepareSweep(
  init: TrainingSubmission,
  { trainings, trials, metric, goal }: SweepRequest,
): Promise<{ readonly model: ModelRef; readonly sweep: SweepSpec }> {
  const lost = trials.findIndex(({ training }) => training >= trainings.length)
  if (lost !== -1)
    throw userError(
      'sweep.trial',
      `trial ${lost} is of training ${trials[lost]!.training}, and there are ${trainings.length}`,
    )
  const once = { ...init, blobs: readingOnce(init.blobs) }
  const prepared: { model: ModelRef; training: TrainingSpec }[] = []
  for (const training of trainings) {
    const { evaluation } = training
    if (!evaluation)
      throw userError('sweep.no-evaluation', `trials are compared by ${metric} of their evaluation, and there is none`)
    const select = { ...evaluation.select, metric, goal }
    prepared.push(await prepareTraining(once, { ...training, requirements: {}, evaluation: { ...evaluation, select } }))
  }
  return { model: prepared[0]!.model, sweep: { trainings: prepared } }
}

/** The same store, which takes each file once: trainings mostly share their data. */
function readingOnce(blobs: BlobStore): BlobStore {
  const files = new Map<string, Promise<BlobRef>>()
  const putFile: BlobStore['putFile'] = (path, options) => {
    const kept = files.get(path) ?? blobs.putFile(path, options)
    files.set(path, kept)
    return kept
  }
  return new Proxy(blobs, {
    get(store, name) {
      if (name === 'putFile') return putFile
      const member: unknown = Reflect.get(store, name)
      return typeof member === 'function' ? member.bind(store) : member
    },
  })
}

/** Refuses a sweep whose description does not fit an entry of its journal: `sweep.too-many-trials`. */
export function assertDescribable(spec: JobSpec): void {
  const sizeBytes = jobEntryCodec.encode({ type: 'created', spec }).byteLength
  const mostBytes = limit('logGroupBytes') / 2
  if (sizeBytes > mostBytes)
    throw userError(
      'sweep.too-many-trials',
      `the sweep takes ${sizeBytes} bytes to describe, and a journal takes ${mostBytes}: let trials share trainings (those that differ in the learning rate alone do), or try fewer`,
    )
}
