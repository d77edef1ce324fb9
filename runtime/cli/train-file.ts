import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { limit, userError } from '../base/index.ts'
import { MODEL_FILE } from '../node/jobs/model-file.ts'
import {
  diloco,
  gradients,
  isTrainingDefinition,
  type Training,
  type TrainingDefinition,
  type TrainingHandle,
  training,
} from '../node/training/index.ts'
import type { JobStatus, TrainRequest } from '../protocol/index.ts'
import type { Session } from './cli.ts'
import { describeJob } from './commands/view.ts'
import { importScript } from './script.ts'
import { TrainingProgressLines } from './training-progress.ts'

/**
 * Trains what a TypeScript file exports as its default, and waits for the result unless `--detach`. Throws `script.*`,
 * `train.no-definition`, and what submitting and the training throw.
 */
export async function trainFile(session: Session, file: string): Promise<void> {
  const { io, options } = session
  const { default: found } = await importScript(io.cwd, file)
  if (!isTrainingDefinition(found))
    throw userError(
      'train.no-definition',
      `expected ${file} to export a training as its default; write: export default training({ model, loss, optimizer, data, ... })`,
    )
  const client = await session.client()
  const handle = await client.train(withOptions(found, session), {
    ...session.request,
    ...(await scriptOf(io.cwd, file)),
  })
  if (options.detach) {
    session.print(await handle.job.status(session.request), `${handle.id}\n`)
    return
  }
  session.note(`${handle.id} (Ctrl-C cancels it)`)
  const status = await watch(session, handle)
  const model = join(status.outputDir, MODEL_FILE)
  session.print(
    { ...status, model },
    () => `${describeJob(status, io.clock.wallMs())}\nmodel ${model}, for aivida infer --model\n`,
  )
}

/** The text of the file, for the job's record; one that is too long for it is left out. */
async function scriptOf(cwd: string, file: string): Promise<{ readonly script?: TrainRequest['script'] }> {
  const text = await readFile(resolve(cwd, file), 'utf8')
  const name = basename(file)
  return text.length <= limit('scriptCharacters') && name.length <= 256 ? { script: { name, text } } : {}
}

/** What the command line says counts before what the file says. Its paths are from where the command was typed. */
function withOptions({ definition }: Training, { options, io }: Session): Training {
  const { out, from, name } = options as Readonly<Record<string, string | undefined>>
  const workers: TrainingDefinition['workers'] = options.workers ?? definition.workers
  return training({
    ...definition,
    ...(workers !== undefined && { workers }),
    ...(options.sync !== undefined && { sync: syncOf(options.sync, definition.sync) }),
    ...(out !== undefined && { outputDir: resolve(io.cwd, out) }),
    ...(from !== undefined && { from: resolve(io.cwd, from) }),
    ...(name !== undefined && { name }),
  })
}

/** The way that was typed, as the file has it where it has the same. */
function syncOf(
  way: 'auto' | 'diloco' | 'gradients',
  found: TrainingDefinition['sync'],
): NonNullable<TrainingDefinition['sync']> {
  if (way === 'auto') return way
  if (typeof found === 'object' && found.sync === way) return found
  return way === 'diloco' ? diloco() : gradients()
}

/** Shows progress until it has ended; Ctrl-C cancels it. Answers with its end; throws what it failed of. */
async function watch({ io, json, request }: Session, handle: TrainingHandle): Promise<JobStatus> {
  const cancel = () => void handle.job.cancel('interrupted at the terminal').catch(() => {})
  io.signal.addEventListener('abort', cancel, { once: true })
  const { rows } = await handle.job.status(request)
  const { isTerminal, columns, clock } = io
  const write = (text: string) => io.err(text)
  const lines = new TrainingProgressLines({ isTerminal, columns, write, monoMs: () => clock.monoMs() }, rows.total ?? 1)
  try {
    for await (const event of handle.events()) if (!json) lines.update(event)
    return await handle.job.done()
  } finally {
    if (!json) lines.end()
    io.signal.removeEventListener('abort', cancel)
  }
}
