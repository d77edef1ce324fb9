import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  checkLauncher,
  findCommand,
  findJupyter,
  ownKernelspec,
  prefixDataFolder,
  writeKernelspec,
} from '../../kernel/install/index.ts'
import { AividaError, controlSocketPath, envName, userError } from '../base/index.ts'
import type { Session } from './cli.ts'
import { findNode } from './daemon.ts'

/** What a kernel finds in its environment: which node is its own. */
type KernelEnv = Readonly<Record<string, string>>

/**
 * Opens JupyterLab, until it ends, with this kernel in it, which is installed nowhere for that; where no node runs, three nodes
 * run as long. `words`: a notebook or a folder, by default the quickstart in a checkout, or the current folder; then options of
 * JupyterLab's own, from the first word that begins with `-`. Throws
 * `jupyter.missing`, `notebook.missing`, `jupyter.failed`.
 */
export async function openNotebook(session: Session, words: readonly string[]): Promise<void> {
  const { io, options } = session
  const [file, passed] = words[0]?.startsWith('-') === false ? [words[0], words.slice(1)] : [undefined, words]
  if (passed[0]?.startsWith('-') === false)
    throw userError('usage.excess-arguments', `expected one notebook or folder, found ${passed[0]} after ${file}`)
  const jupyter = labCommand(session)
  checkLauncher()
  const path = resolve(io.cwd, file ?? quickstart() ?? '.')
  if (!existsSync(path))
    throw userError('notebook.missing', `expected a notebook or a folder at ${path}, found nothing`)
  const isFolder = statSync(path).isDirectory()
  const folder = await mkdtemp(join(tmpdir(), 'aivida-notebook-'))
  await using nodes = await nodeFor(session)
  try {
    const data = prefixDataFolder(folder, io.platform)
    await writeKernelspec(data, ownKernelspec(process.execPath, nodes.env))
    // The address that it prints is that of its start page, which is the notebook then.
    const page = ['--LabApp.default_url', `/lab/tree/${encodeURIComponent(basename(path))}`].join('=')
    const args = ['lab', ...(options.browser === false ? ['--no-browser'] : [])]
    if (!isFolder) args.push(page, basename(path))
    args.push(...passed)
    const { JUPYTER_PATH: others } = io.env
    const env = { ...io.env, JUPYTER_PATH: others ? `${data}${delimiter}${others}` : data }
    const cwd = isFolder ? path : dirname(path)
    session.note(`opening JupyterLab in ${cwd}; Ctrl-C ends it`)
    const child = spawn(jupyter, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
    await untilEnd(child, io.signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function labCommand({ io }: Session): string {
  const { env, home, platform } = io
  const jupyter = findJupyter({ env, home, platform })
  const lab =
    jupyter && findCommand('jupyter-lab', `${dirname(jupyter.command)}${delimiter}${env.PATH ?? ''}`, platform)
  if (jupyter && lab) return jupyter.command
  const found = jupyter ? `${jupyter.command} without jupyter-lab` : 'no jupyter on the path'
  throw userError(
    'jupyter.missing',
    `expected JupyterLab, found ${found}. There are two ways:
  JupyterLab  pipx install jupyterlab   (or, in a Python environment: pip install jupyterlab), then this again
  VS Code     npx aivida kernel install, then open a notebook with the Jupyter extension and choose Aivida as its kernel
Without either, notebooks run all the same: npx aivida notebook run FILE.ipynb`,
  )
}

/** The node of this data folder where it runs, or a cluster on this machine that ends with this. */
async function nodeFor(session: Session): Promise<AsyncDisposable & { readonly env: KernelEnv }> {
  const { config } = session
  const running = await findNode(await session.client(), session)
  if (running) {
    session.note(`node ${running.name} of cluster ${running.cluster.name} runs: notebooks use it`)
    const env = { [envName('dataDir')]: config.dataDir, [envName('socketPath')]: config.socketPath }
    return { env, async [Symbol.asyncDispose]() {} }
  }
  const { LocalCluster } = await import('../local-cluster/index.ts')
  session.note('no node runs here: starting three, for as long as JupyterLab is open; their results go with them')
  const cluster = await LocalCluster.start({ workers: 2 })
  const { dataDir } = cluster.submitter
  const env = {
    [envName('dataDir')]: dataDir,
    [envName('socketPath')]: controlSocketPath(dataDir, session.io.platform),
  }
  return { env, [Symbol.asyncDispose]: () => cluster.stop() }
}

/** Jupyter asks whether it is meant when it hears Ctrl-C; SIGTERM it takes at its word. */
async function untilEnd(child: ChildProcess, signal: AbortSignal): Promise<void> {
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  try {
    const [code] = await once(child, 'exit')
    if (signal.aborted || code === 0) return
    throw new AividaError({
      code: 'jupyter.failed',
      category: 'platform',
      message: `JupyterLab ended with exit code ${code}; what it said stands above`,
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Notebooks are part of a checkout, not of the installed package. */
function quickstart(): string | undefined {
  const path = fileURLToPath(new URL('../../notebooks/quickstart.ipynb', import.meta.url))
  return existsSync(path) ? path : undefined
}
