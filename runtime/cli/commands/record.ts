import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { systemClock, userError } from '../../base/index.ts'
import { writeWhole } from '../../base/whole-file.ts'
import { dataFolder } from '../../node/data-folder.ts'
import type { Verdict } from '../../node/record/index.ts'
import { type Cli, parseCount, type Session } from '../cli.ts'
import { formatBytes, formatCount } from '../figures.ts'
import { progressBar } from '../progress.ts'

/** What `jobs replay` exits with. */
const EXIT_CODES: Readonly<Record<Verdict['verdict'], number>> = {
  identical: 0,
  'within tolerance': 0,
  differs: 10,
  'class missing': 11,
  incomplete: 12,
}

/** `jobs report`, `jobs bundle`, `jobs replay`: a job as a page, as one file, and done again from that. */
export function recordCommands(cli: Cli, jobs: Command): void {
  cli
    .command(
      {
        usage: 'report <id>',
        description: 'write how a job went as one HTML page: curves, workers, timeline, recipe, hashes',
        action: report,
      },
      jobs,
    )
    .option('--out <file>', 'default: JOB.html')
  cli
    .command(
      {
        usage: 'bundle <id>',
        description: 'pack a training into one file, from which anybody can do it again: aivida jobs replay',
        action: bundle,
      },
      jobs,
    )
    .option('--out <file>', 'default: JOB.tar')
    .option('--without-data', 'leave its rows out: they are named by their hash')
  cli
    .command(
      {
        usage: 'replay <bundle>',
        description: 'do a training again on this machine, from its bundle, and compare every hash; needs no node',
        config: 'node',
        action: replay,
      },
      jobs,
    )
    .option('--data <file...>', 'row files, where the bundle was made without them')
    .option('--tolerance', 'on a machine without the class: a few steps from each recorded state, approximately')
    .option('--first <count>', 'do only this many shards, or rounds, again', parseCount)
    .option('--work-dir <folder>', 'for states on the way; default: a temporary one')
    .addHelpText(
      'after',
      '\nExit codes: 0 identical, or within the tolerance asked for; 10 it came to something else; 11 this machine cannot compute in its class; 12 the record lacks something.',
    )
}

async function report(session: Session, [id]: readonly string[]): Promise<void> {
  const { options, io } = session
  const job = (await session.client()).job(id!)
  const { outputDir, sharedBy } = await job.status(session.request)
  if (sharedBy) await job.fetch(session.request)
  const record = await job.record(session.request)
  const path = resolve(io.cwd, options.out ?? `${record.job}.html`)
  const [{ reportOf, workerFigures }, { readPart }] = [
    await import('../../node/record/index.ts'),
    await import('../../data/sources/parts.ts'),
  ]
  const page = Buffer.from(await reportOf(record, ({ file }) => readPart(join(outputDir, file))))
  await writeWhole(path, [page])
  const workers = workerFigures(record)
  session.print({ job: record.job, file: path, sizeBytes: page.byteLength, workers }, `${path}\n`)
}

async function bundle(session: Session, [id]: readonly string[]): Promise<void> {
  const { options, io } = session
  const path = resolve(io.cwd, options.out ?? `${id}.tar`)
  const client = await session.client()
  const pieces = await client.job(id!).bundle({ data: !options.withoutData, ...session.request })
  const { sizeBytes } = await writeWhole(path, pieces)
  session.print({ job: id, file: path, sizeBytes }, `${path} (${formatBytes(sizeBytes)}); aivida jobs replay ${path}\n`)
}

async function replay(session: Session, [file]: readonly string[]): Promise<void> {
  const { options, io, config } = session
  const { replayBundle } = await import('../../node/record/replay-bundle.ts') // engines are not for everybody
  const given = options.workDir === undefined ? undefined : resolve(io.cwd, options.workDir)
  const dir = given ?? (await mkdtemp(join(tmpdir(), 'aivida-replay-')))
  const known = dataFolder(config.dataDir).cache
  const cacheDir = existsSync(known) ? known : join(dir, 'cache')
  const progress = progressOf(session)
  try {
    const verdict = await replayBundle(resolve(io.cwd, file!), {
      ...{ dir, cacheDir, config, clock: systemClock, env: io.env, signal: io.signal },
      data: ((options.data ?? []) as string[]).map((path) => resolve(io.cwd, path)),
      tolerate: options.tolerance === true,
      ...(options.first !== undefined && { first: atLeastOne(options.first) }),
      onProgress: progress.update,
    })
    progress.end()
    session.print(verdict, () => describeVerdict(verdict))
    session.exitCode = EXIT_CODES[verdict.verdict]
  } finally {
    if (given === undefined) await rm(dir, { recursive: true, force: true })
  }
}

function atLeastOne(first: number): number {
  if (first < 1) throw userError('usage.first', 'expected at least one shard or round to do again')
  return first
}

/** A line that is drawn over, on a terminal alone. */
function progressOf({ io, json }: Session) {
  let last = -1
  return {
    update(done: number, of: number) {
      const percent = Math.floor((100 * done) / Math.max(1, of))
      if (json || !io.isTerminal || percent === last) return
      last = percent
      io.err(`\r\x1b[2K${progressBar(done / of)} step ${formatCount(done)}/${formatCount(of)}`)
    },
    end() {
      if (last >= 0) io.err('\n')
    },
  }
}

/** A verdict for people. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.verdict) {
    case 'identical':
    case 'incomplete': {
      const { steps, parts, of, classes, state } = verdict
      const lacks = verdict.verdict === 'incomplete' ? `lacks     ${verdict.lacks}\n` : ''
      const all = parts === of ? '' : ` (${parts} of ${of} shards or rounds; the others were not done again)`
      return `${verdict.verdict}: ${formatCount(steps)} steps, every hash is the recorded one${all}\n${lacks}class     ${classes.join(', ') || 'not recorded'}\nstate     ${state}\n`
    }
    case 'within tolerance': {
      const { checks, recorded, here } = verdict
      const lines = checks.map(
        ({ fromStep, steps, loss, update }) =>
          `from step ${formatCount(fromStep)}, ${steps} steps: losses differ by ${loss.toExponential(1)}${update === undefined ? '' : `, the update by ${update.toExponential(1)}`}`,
      )
      return `within tolerance: a few steps from each recorded state, computed in another class\nrecorded  ${recorded.join(', ')}\nhere      ${here}\n${lines.join('\n')}\n`
    }
    case 'class missing': {
      const { recorded, here, part } = verdict
      return `class missing: part ${part} was computed in a class that this machine lacks, or cannot prove exact\nrecorded  ${recorded}\nhere      ${here.join(', ') || 'none'}\ntry: --tolerance, or a machine of that class\n`
    }
    case 'differs': {
      const { at, tensors = [] } = verdict
      const place = [
        at.round !== undefined && `round ${at.round}`,
        at.member !== undefined && `member ${at.member}`,
        at.round === undefined && `part ${at.part}`,
        at.step !== undefined && `step ${formatCount(at.step)}`,
      ]
      const where = place.filter((each) => each !== false).join(', ')
      const apart = tensors.map(({ name, relative }) => `tensor    ${name}: relative L2 ${relative.toExponential(2)}`)
      return `${[`differs: the ${at.what}${at.name === undefined ? '' : ` ${at.name}`} of ${where}`, `recorded  ${at.expected}`, `found     ${at.found}`, ...apart].join('\n')}\n`
    }
  }
}
