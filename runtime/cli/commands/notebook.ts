import { dirname, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { envName } from '../../base/index.ts'
import type { Cli, Session } from '../cli.ts'
import { parseDuration } from '../figures.ts'
import { NotebookProgressLines } from '../notebook-progress.ts'

/** `notebook open` and `notebook run`: notebooks in JupyterLab, and as batch jobs. */
export function notebookCommands(cli: Cli): void {
  const notebook = cli.group('notebook', 'Jupyter notebooks: open them in JupyterLab, run them without')
  cli
    .command(
      {
        usage: 'open [file] [options...]',
        description: 'open a notebook in JupyterLab with the Aivida kernel; starts a local cluster when no node runs',
        async action(session, words) {
          const { openNotebook } = await import('../open-notebook.ts')
          await openNotebook(session, words)
        },
      },
      notebook,
    )
    .option('--no-browser', 'print the address only')
    .addHelpText('after', '\nWhat follows -- goes to JupyterLab: aivida notebook open FILE -- --port 9000 --allow-root')
  cli
    .command(
      {
        usage: 'run <file>',
        description: 'run all cells of a notebook and write their outputs into it; needs no Jupyter',
        action: run,
      },
      notebook,
    )
    .option(
      '--param <name=value>',
      'a value for the cell tagged "parameters": JSON or text; may be repeated',
      collect,
      [],
    )
    .option('--out <file>', 'write the notebook with its outputs there; default: into FILE itself')
    .option('--timeout <duration>', 'what each cell may take, such as 10m; default: as long as it likes', parseTimeout)
    .addHelpText('after', '\nEnds with an exit code other than 0 at the first cell that fails.')
}

async function run(session: Session, [file]: readonly string[]): Promise<void> {
  const { io, options, config } = session
  const { hasDefaults, NotebookFile, NotebookRun, parseParameter, readNotebook, StartedKernel, withParameters } =
    await import('../../../kernel/notebook/index.ts')
  const { checkLauncher, ownKernelspec } = await import('../../../kernel/install/index.ts')
  const path = resolve(io.cwd, file!)
  const target = resolve(io.cwd, options.out ?? file!)
  const { notebook: read, notices } = await readNotebook(path)
  const given = (options.param as readonly string[]).map((text) => parseParameter(text))
  const notebook = withParameters(read, Object.fromEntries(given.map(({ name, value }) => [name, value])))
  for (const notice of notices) session.note(`${file}: ${notice}`)
  if (given.length > 0 && !hasDefaults(read))
    session.note(`${file}: no cell is tagged "parameters": a cell that sets them is added at the top`)
  checkLauncher()
  const env = { [envName('dataDir')]: config.dataDir, [envName('socketPath')]: config.socketPath }
  const { argv } = ownKernelspec(process.execPath)
  const out = new NotebookFile(target, io.clock)
  const lines = new NotebookProgressLines({ ...io, err: (text) => session.json || io.err(text) })
  const startMs = io.clock.monoMs()
  let cells = 0
  const kernel = await StartedKernel.start({ argv, cwd: dirname(path), env })
  const running = new NotebookRun(notebook, {
    kernel,
    clock: io.clock,
    signal: io.signal,
    ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
    listener: {
      began: (cell) => lines.began(cell),
      ended: (cell, end, durationMs) => {
        cells++
        lines.ended(cell, end, durationMs)
      },
      changed: () => out.changed(() => running.notebook),
    },
  })
  try {
    await running.run()
  } finally {
    await kernel.close() // what cells left running may put something out until now
    out.changed(() => running.notebook)
    await out.flush()
  }
  const tookMs = Math.round(io.clock.monoMs() - startMs)
  session.print({ notebook: target, cells, tookMs }, `${target}\n`)
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

function parseTimeout(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
