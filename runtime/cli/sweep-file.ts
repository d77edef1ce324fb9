import { join, resolve } from 'node:path'
import { isAividaError, userError } from '../base/index.ts'
import { MODEL_FILE } from '../node/jobs/model-file.ts'
import { MEASURED, TRIALS_FILE } from '../node/jobs/trials-file.ts'
import { isSweepDefinition, type Sweep, type SweepHandle } from '../node/sweep/index.ts'
import { describeParameters } from '../node/sweep/parameters.ts'
import type { JobStatus } from '../protocol/index.ts'
import type { Session } from './cli.ts'
import { describeJob } from './commands/view.ts'
import { formatCount, formatTable } from './figures.ts'
import { importScript } from './script.ts'
import { figure, SweepProgressLines } from './sweep-progress.ts'

/** Rows of the table that people are shown. */
const SHOWN = 20

/**
 * Tries what a TypeScript file exports as its default, and waits for the result unless `--detach`. Throws `script.*`,
 * `sweep.no-definition`, and what submitting and the sweep throw.
 */
export async function sweepFile(session: Session, file: string): Promise<void> {
  const { io, options } = session
  const { default: found } = await importScript(io.cwd, file)
  if (!isSweepDefinition(found))
    throw userError(
      'sweep.no-definition',
      `expected ${file} to export a sweep as its default; write: export default sweep({ space: { ... }, train: (parameters) => training({ ... }) })`,
    )
  const client = await session.client()
  const handle = await client.sweep(withOptions(found, session), session.request)
  if (options.detach) {
    session.print(await handle.job.status(session.request), `${handle.id}\n`)
    return
  }
  session.note(`${handle.id} (Ctrl-C cancels it)`)
  const status = await watch(session, handle)
  const table = await rankedRows(handle)
  const best = await handle.best().catch((error) => {
    if (isAividaError(error) && error.code === 'sweep.no-trial') return undefined
    throw error
  })
  const model = join(status.outputDir, MODEL_FILE)
  session.print({ ...status, ...(best && { best, model }), table: join(status.outputDir, TRIALS_FILE) }, () =>
    [
      describeJob(status, io.clock.wallMs()),
      table,
      `table ${join(status.outputDir, TRIALS_FILE)}, a row each trial`,
      ...(best ? [`best  ${describeParameters(best.parameters)}: model ${model}, for aivida infer --model`] : []),
      '',
    ].join('\n'),
  )
}

/** What the command line says counts before what the file says. Its paths are from where the command was typed. */
function withOptions(found: Sweep, { options, io }: Session): Sweep {
  const { out, name } = options as Readonly<Record<string, string | undefined>>
  return {
    ...found,
    definition: {
      ...found.definition,
      ...(out !== undefined && { outputDir: resolve(io.cwd, out) }),
      ...(name !== undefined && { name }),
    },
  }
}

/** Shows progress until it has ended; Ctrl-C cancels it. Answers with its end; throws what it failed of. */
async function watch({ io, json }: Session, handle: SweepHandle): Promise<JobStatus> {
  const cancel = () => void handle.job.cancel('interrupted at the terminal').catch(() => {})
  io.signal.addEventListener('abort', cancel, { once: true })
  const { isTerminal, columns, clock } = io
  const target = { isTerminal, columns, write: (text: string) => io.err(text), monoMs: () => clock.monoMs() }
  const { trials, definition } = handle.sweep
  const lines = new SweepProgressLines(target, { trials, metric: definition.metric ?? 'loss' })
  try {
    for await (const event of handle.events()) if (!json) lines.update(event)
    return await handle.done()
  } finally {
    if (!json) lines.end()
    io.signal.removeEventListener('abort', cancel)
  }
}

/** The best trials first, then those that have no rank. */
async function rankedRows(handle: SweepHandle): Promise<string> {
  const { metric = 'loss' } = handle.sweep.definition
  const rows = (await handle.table()).toArray().map((row) => row.toJSON() as Record<string, unknown>)
  const rankOf = (row: Record<string, unknown>) => (row.rank as number | null) ?? Number.POSITIVE_INFINITY
  const inOrder = rows.sort((a, b) => rankOf(a) - rankOf(b) || Number(a.trial) - Number(b.trial)).slice(0, SHOWN)
  const value = (row: Record<string, unknown>) => row[`${MEASURED}${metric}`] as number | null | undefined
  const more = rows.length > SHOWN ? `... and ${rows.length - SHOWN} more\n` : ''
  return `${formatTable(
    ['RANK', 'PARAMETERS', 'STATE', 'STEPS', metric.toUpperCase()],
    inOrder.map((row) => [
      row.rank === null ? '' : String(row.rank),
      describeParameters(handle.sweep.trials[row.trial as number]!),
      String(row.state) + (row.error === null ? '' : `: ${String(row.error).split(':')[0]}`),
      formatCount(row.steps as number),
      typeof value(row) === 'number' ? figure(value(row)!) : '',
    ]),
  )}${more}`
}
