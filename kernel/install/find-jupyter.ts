import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { limit, userError } from '../../runtime/base/index.ts'
import type { JupyterSystem, PythonEnvironment } from './jupyter-paths.ts'

/** An installed Jupyter: the `jupyter` command, and the Python environment that it is part of. */
export interface Jupyter {
  readonly command: string
  /** `undefined` where that is not to be seen. */
  readonly environment: PythonEnvironment | undefined
}

/** The `jupyter` that `JUPYTER` names, or the first on the path. Reads files, starts nothing. */
export function findJupyter({ env, platform }: JupyterSystem): Jupyter | undefined {
  const command = env.JUPYTER ?? findCommand('jupyter', env.PATH ?? '', platform)
  if (command === undefined || !isProgram(command)) return undefined
  return { command, environment: environmentOf(command) }
}

/**
 * The prefix of the Python environment that is active here: that of a virtual or conda environment, or of the `jupyter` or
 * `python3` on the path. Throws `kernel.no-prefix` when there is none.
 */
export async function systemPrefix(system: JupyterSystem): Promise<string> {
  const { env, platform } = system
  const known = env.VIRTUAL_ENV ?? env.CONDA_PREFIX ?? findJupyter(system)?.environment?.prefix
  if (known !== undefined) return known
  const python = findCommand(platform === 'win32' ? 'python' : 'python3', env.PATH ?? '', platform)
  if (python !== undefined) return (await said(python, ['-c', 'import sys; print(sys.prefix)'], system)).trim()
  throw userError(
    'kernel.no-prefix',
    'expected an active Python environment or python3 on the path, found neither; name its folder with --prefix FOLDER, or use --user',
  )
}

/** What a program prints. Throws the system's error when it cannot be started, ends with an error or takes too long. */
export async function said(command: string, args: readonly string[], { env }: JupyterSystem): Promise<string> {
  const options = { env: env as NodeJS.ProcessEnv, timeout: limit('jupyterMs'), encoding: 'utf8' as const }
  const { stdout } = await promisify(execFile)(command, [...args], options)
  return stdout
}

/** A program by its name, where a shell would find it. */
export function findCommand(name: string, path: string, platform: NodeJS.Platform): string | undefined {
  const names = platform === 'win32' ? [`${name}.exe`, `${name}.cmd`] : [name]
  const folders = path.split(delimiter).filter((folder) => folder !== '')
  return folders.flatMap((folder) => names.map((file) => join(folder, file))).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** A script of Python's begins with the interpreter of its environment. */
function environmentOf(command: string): PythonEnvironment | undefined {
  const interpreter = /^#!(\/.*\/python[\d.]*)\s*\n/.exec(readFileSync(command, 'latin1').slice(0, 500))?.[1]
  if (interpreter === undefined) return undefined
  const prefix = dirname(dirname(interpreter))
  return { prefix, isVirtual: existsSync(join(prefix, 'pyvenv.cfg')) }
}
