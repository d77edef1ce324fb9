import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { Checkpoint, JobStatus, ResultPart } from '../../runtime/protocol/index.ts'

/** Rows of some parts as one table, in memory; an empty one of no columns when there are none. Throws `result.*`. */
export async function tableOf(parts: readonly ResultPart[]): Promise<Table> {
  const [{ Table, tableFromIPC }, { joinArrowFiles }] = await Promise.all([
    import('apache-arrow'),
    import('../../runtime/node/control/arrow-files.ts'),
  ])
  const files = parts.filter(({ rows }) => rows > 0).map(({ file }) => file)
  if (files.length === 0) return new Table()
  return tableFromIPC(Buffer.concat(await Array.fromAsync(joinArrowFiles(files))))
}

/** What a training has come to so far, in order. */
export async function checkpointsOf(handle: JobHandle): Promise<Checkpoint[]> {
  return (await handle.parts()).flatMap(({ checkpoint }) => checkpoint ?? [])
}

/**
 * The state that a training or a sweep has left in its output folder. `best`: that of the best evaluation; of a training without
 * an evaluation the last one. Throws `train.no-state` when it has come to none.
 */
export async function stateOf(status: JobStatus, which: 'best' | 'last'): Promise<NamedTensors> {
  const { outputDir, job } = status
  const read = (name: string) => readFile(join(outputDir, `${name}.safetensors`)).catch(() => undefined)
  const bytes = (which === 'best' ? await read('best') : undefined) ?? (await read('last'))
  if (!bytes)
    throw userError('train.no-state', `${job} has no state in ${outputDir} yet; it is there once the job has ended`)
  const { tensorsOf } = await import('../../runtime/node/training/state-tensors.ts')
  return tensorsOf(bytes)
}

/** Where a training or a sweep leaves its model: a file of its output folder. */
export async function modelFileOf({ outputDir }: JobStatus): Promise<string> {
  const { MODEL_FILE } = await import('../../runtime/node/jobs/model-file.ts')
  return join(outputDir, MODEL_FILE)
}

/** The model of a training or a sweep. Throws `train.no-model` where it has left none: one that an older version submitted. */
export async function modelOf(status: JobStatus): Promise<Uint8Array> {
  const bytes = await readFile(await modelFileOf(status)).catch(() => undefined)
  if (bytes) return bytes
  throw userError(
    'train.no-model',
    `${status.job} has no model in ${status.outputDir}; it is there once the job has ended`,
  )
}
