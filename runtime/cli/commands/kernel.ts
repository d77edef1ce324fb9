import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { JupyterSystem } from '../../../kernel/install/index.ts'
import { envName, userError } from '../../base/index.ts'
import { type Cli, quoted, type Session } from '../cli.ts'
import { describeReport } from './doctor.ts'

/** What `kernel doctor` exits with. */
const EXIT_CODES = { ok: 0, broken: 1, warning: 3 } as const

/** `kernel install`, `uninstall`, `list` and `doctor`: the Jupyter kernel where Jupyter and VS Code find it. */
export function kernelCommands(cli: Cli): void {
  const kernel = cli.group('kernel', 'the Jupyter kernel: install it, take it away, see what is wrong with it')
  withPlace(
    cli.command(
      { usage: 'install', description: 'let Jupyter and VS Code find the Aivida kernel', action: install },
      kernel,
    ),
  ).option('--no-snapshot', 'build no start-up snapshot: the kernel builds it after its first start')
  withPlace(
    cli.command(
      { usage: 'uninstall', description: 'take the Aivida kernel away again', config: 'none', action: uninstall },
      kernel,
    ),
  ).option('--all', 'wherever Jupyter finds one of ours')
  cli.command(
    { usage: 'list', description: 'where the Aivida kernel is installed', config: 'none', action: list },
    kernel,
  )
  cli.command(
    {
      usage: 'types [folder]',
      description: "let VS Code complete cluster, tf and the like in a folder's notebooks",
      config: 'none',
      action: types,
    },
    kernel,
  )
  cli
    .command(
      {
        usage: 'doctor',
        description: 'say what is wrong with the kernel, and what to do',
        config: 'none',
        action: doctor,
      },
      kernel,
    )
    .addHelpText('after', '\nExit codes: 0 all is well, 1 something is broken, 3 warnings alone.')
}

function withPlace(command: Command): Command {
  return command
    .option('--user', "in this user's Jupyter folder (the default)")
    .option('--prefix <folder>', 'in FOLDER/share/jupyter, for an environment at FOLDER')
    .option('--sys-prefix', 'in the Python environment that is active')
}

async function install(session: Session): Promise<void> {
  const { checkLauncher, ownKernelspec, writeKernelspec } = await import('../../../kernel/install/index.ts')
  checkLauncher()
  const data = await place(session)
  const folder = await writeKernelspec(data, ownKernelspec(process.execPath, nodeEnv(session)))
  const snapshot = session.options.snapshot === false ? undefined : await builtSnapshot(session)
  session.print({ folder, snapshot }, `the Aivida kernel is in ${folder}\n${await opening(session, data)}\n`)
}

/** How to open a notebook with a kernel in a folder of Jupyter's data, which it may not look in by itself. */
async function opening(session: Session, data: string): Promise<string> {
  const { dataFolders, findJupyter } = await import('../../../kernel/install/index.ts')
  const system = systemOf(session)
  if (dataFolders(system, findJupyter(system)?.environment).includes(data))
    return 'open a notebook with it: jupyter lab, or VS Code'
  return `Jupyter does not look there by itself; open a notebook with it by the jupyter of that environment, or: JUPYTER_PATH=${quoted(data)} jupyter lab`
}

/** Kernels start without one, too, so that it is no failure when it cannot be built. */
async function builtSnapshot(session: Session): Promise<string | undefined> {
  const { buildSnapshot, snapshotStatus } = await import('../../../kernel/snapshot/snapshot.ts')
  try {
    const { blob } = await snapshotStatus()
    if (blob !== undefined) return blob
    session.note('building its start-up snapshot, some seconds ...')
    return (await buildSnapshot()).blob
  } catch (error) {
    session.note(`kernels start more slowly: ${(error as Error).message}`)
    return undefined
  }
}

async function uninstall(session: Session): Promise<void> {
  const { dataFolders, findJupyter, kernelspecFolder, removeKernelspec } = await import(
    '../../../kernel/install/index.ts'
  )
  const system = systemOf(session)
  const folders = session.options.all ? dataFolders(system, findJupyter(system)?.environment) : [await place(session)]
  const removed: string[] = []
  for (const folder of folders) if (await removeKernelspec(folder)) removed.push(kernelspecFolder(folder))
  session.print({ removed }, removed.length === 0 ? 'there was none\n' : `removed ${removed.join(', ')}\n`)
}

async function list(session: Session): Promise<void> {
  const { dataFolders, findJupyter, findKernelspecs } = await import('../../../kernel/install/index.ts')
  const system = systemOf(session)
  const found = await findKernelspecs(dataFolders(system, findJupyter(system)?.environment))
  session.print(found, () =>
    found.length === 0
      ? 'nowhere; aivida kernel install\n'
      : found
          .map(({ folder, spec }) => `${folder}: ${spec ? spec.argv.join(' ') : 'kernel.json cannot be read'}\n`)
          .join(''),
  )
}

async function types(session: Session, [folder = '.']: readonly string[]): Promise<void> {
  const { writeEditorTypes } = await import('../../../kernel/declarations/editor.ts')
  const at = await writeEditorTypes(resolve(session.io.cwd, folder))
  session.print(
    { folder: at },
    `${at}\nopen the folder in VS Code: cells of its notebooks know cluster, tf, arrow, sql\n`,
  )
}

async function doctor(session: Session): Promise<void> {
  const { examineKernel } = await import('../../../kernel/install/index.ts')
  const checks = (await examineKernel(systemOf(session))).map((finding) => ({ ...finding, tookMs: 0 }))
  const levels = new Set(checks.map(({ level }) => level))
  const verdict = levels.has('broken') ? 'broken' : levels.has('warning') ? 'warning' : 'ok'
  session.print({ v: 1, verdict, checks }, () => describeReport(checks))
  session.exitCode = EXIT_CODES[verdict]
}

/** The folder of Jupyter's data that the command line names. Throws `usage.place` for more than one. */
async function place(session: Session): Promise<string> {
  const { prefixDataFolder, systemPrefix, userDataFolder } = await import('../../../kernel/install/index.ts')
  const { prefix, sysPrefix, user } = session.options
  if ([prefix, sysPrefix, user].filter((given) => given !== undefined).length > 1)
    throw userError('usage.place', 'expected one of --user, --prefix and --sys-prefix, found several')
  const system = systemOf(session)
  if (prefix !== undefined) return prefixDataFolder(resolve(session.io.cwd, prefix), system.platform)
  return sysPrefix ? prefixDataFolder(await systemPrefix(system), system.platform) : userDataFolder(system)
}

function systemOf({ io: { env, home, platform } }: Session): JupyterSystem {
  return { env, home, platform }
}

/** A kernel that was installed for a certain node finds it wherever Jupyter is started. */
function nodeEnv({ whereFlags, config }: Session): Readonly<Record<string, string>> {
  if (whereFlags === '') return {}
  return { [envName('dataDir')]: config.dataDir, [envName('socketPath')]: config.socketPath }
}
