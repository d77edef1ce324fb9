import { AividaError, isAividaError, userError } from '../../base/index.ts'
import type { JobHandle } from '../../node/control/job-handle.ts'
import type { JobRequest, JobStatus, Requirements } from '../../protocol/index.ts'
import { type Cli, parseCount, type Session } from '../cli.ts'
import { JobProgress } from '../progress.ts'
import { describeJob } from './view.ts'

const REQUIREMENTS = [
  'provider',
  'memoryBytes',
  'determinismClass',
  'exact',
  'sandboxLevel',
  'nodes',
] as const satisfies readonly (keyof Requirements)[]

/** `infer`: batch inference of a model over a file or a folder. */
export function inferCommand(cli: Cli): void {
  cli
    .command({
      usage: 'infer',
      description: 'run a model over a file of rows or a folder of images; waits for the result',
      action: infer,
    })
    .requiredOption('--model <file>', 'an ONNX file')
    .requiredOption('--input <path>', 'an Arrow, Parquet, CSV, JSON or JSON lines file, or a folder of images')
    .option('--format <format>', 'arrow, jsonl or images; default: told by the input')
    .option('--out <folder>', "folder for the result's Arrow files; default: one in the node's data folder")
    .option('--outputs <names>', 'graph outputs to keep, separated by commas; default: all')
    .option('--rows-per-shard <count>', 'rows computed at once', parseCount)
    .option('--rows-per-part <count>', 'rows of one file of the result; default: those of one shard', parseCount)
    .option('--requirement <key=value...>', `what devices must have: ${REQUIREMENTS.join(', ')}`)
    .option('--allow-non-finite', 'take NaN and infinities in the input')
    .option('--name <text>', 'name of the job')
    .option('--detach', 'return as soon as the job is accepted')
}

async function infer(session: Session): Promise<void> {
  const { options } = session
  const client = await session.client()
  const job = await client.submit(inferRequest(options), session.request)
  if (options.detach) {
    session.print(await job.status(session.request), `${job.id}\n`)
    return
  }
  session.note(`${job.id} (Ctrl-C cancels it)`)
  const status = await watch(session, job).catch((error) => {
    throw isAividaError(error) && NODE_GONE.includes(error.code) ? wentAway(job.id, error) : error
  })
  session.print(status, () => describeJob(status, session.io.clock.wallMs()))
}

/** How it shows at the socket that the node is not there. */
const NODE_GONE: readonly string[] = ['node.not-running', 'control.broken']

/** The node took the job and is not there any more: nothing that the user did wrong. */
function wentAway(job: string, cause: AividaError): AividaError {
  return new AividaError({
    code: 'node.went-away',
    category: 'platform',
    message: `the node went away while ${job} ran; its journal is kept: aivida up goes on with it, aivida job ${job} shows it`,
    retryable: true,
    facts: { job, remedy: 'aivida up' },
    cause,
  })
}

/** The request that the command's options describe. Throws `requirement.malformed`; the node checks the rest. */
function inferRequest(options: Record<string, unknown>): JobRequest {
  const { model, input, format, out, outputs, rowsPerShard, rowsPerPart, requirement, name, allowNonFinite } = options
  const given = {
    program: 'infer',
    model,
    input: { path: input, ...(format !== undefined && { format }) },
    outputDir: out,
    outputs: typeof outputs === 'string' ? outputs.split(',') : undefined,
    rowsPerShard,
    rowsPerPart,
    requirements: parseRequirements((requirement as string[] | undefined) ?? []),
    finite: allowNonFinite ? false : undefined,
    name,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as JobRequest
}

/** `key=value` pairs as requirements; lists are separated by commas. Throws `requirement.malformed`. */
function parseRequirements(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, key, text] = /^(\w+)=(.+)$/.exec(pair) ?? []
      if (key === undefined || text === undefined || !REQUIREMENTS.some((known) => known === key))
        throw userError(
          'requirement.malformed',
          `expected KEY=VALUE with one of ${REQUIREMENTS.join(', ')}, found ${JSON.stringify(pair)}`,
        )
      if (key === 'nodes') return [key, text.split(',')]
      if (text === 'true' || text === 'false') return [key, text === 'true']
      return [key, /^\d+$/.test(text) ? Number(text) : text]
    }),
  )
}

/** Shows progress until the job has ended; Ctrl-C cancels it. Answers with its end; throws what the job failed of. */
async function watch({ io, json }: Session, job: JobHandle): Promise<JobStatus> {
  const cancel = () => void job.cancel('interrupted at the terminal').catch(() => {})
  io.signal.addEventListener('abort', cancel, { once: true })
  const progress = new JobProgress({
    isTerminal: io.isTerminal,
    columns: io.columns,
    write: io.err,
    monoMs: () => io.clock.monoMs(),
  })
  try {
    return await job.done(json ? {} : { onStatus: (status) => progress.update(status) })
  } finally {
    if (!json) progress.end()
    io.signal.removeEventListener('abort', cancel)
  }
}
