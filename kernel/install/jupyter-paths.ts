import { posix, win32 } from 'node:path'

/** What of the system says where Jupyter looks for its files. */
export interface JupyterSystem {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly platform: NodeJS.Platform
}

/**
 * The folder of this user's Jupyter data, under which kernels are found by every Jupyter and by VS Code
 * (https://docs.jupyter.org/en/latest/use/jupyter-directories.html#data-files).
 */
export function userDataFolder({ env, home, platform }: JupyterSystem): string {
  const { join } = pathsOf(platform)
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR
  const byPlatform = isSet(env.JUPYTER_PLATFORM_DIRS)
  if (platform === 'darwin')
    return byPlatform ? join(home, 'Library/Application Support/Jupyter') : join(home, 'Library/Jupyter')
  if (platform === 'win32') {
    if (byPlatform) return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'Jupyter')
    return env.APPDATA ? join(env.APPDATA, 'jupyter') : join(home, '.jupyter', 'data')
  }
  return join(env.XDG_DATA_HOME || join(home, '.local/share'), 'jupyter')
}

/** The folder of the Jupyter data of a Python environment, or of any other tree. */
export function prefixDataFolder(prefix: string, platform: NodeJS.Platform): string {
  return pathsOf(platform).join(prefix, 'share', 'jupyter')
}

/** The Python environment that a Jupyter is part of. */
export interface PythonEnvironment {
  /** Its `sys.prefix`. */
  readonly prefix: string
  /** Whether it was made for itself (`python -m venv`): its kernels win over the user's then. */
  readonly isVirtual: boolean
}

/**
 * Every folder whose `kernels` Jupyter reads, the ones that win first: those of `JUPYTER_PATH`, the user's, the environment's
 * where there is one, the system's.
 */
export function dataFolders(system: JupyterSystem, environment: PythonEnvironment | undefined): string[] {
  const { env, platform } = system
  const { delimiter, join } = pathsOf(platform)
  const named = (env.JUPYTER_PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const machine =
    platform === 'win32'
      ? [join(env.PROGRAMDATA ?? 'C:\\ProgramData', 'jupyter')]
      : ['/usr/local/share/jupyter', '/usr/share/jupyter']
  const user = userDataFolder(system)
  const own = environment === undefined ? [] : [prefixDataFolder(environment.prefix, platform)]
  const winsOverUser = isSet(env.JUPYTER_PREFER_ENV_PATH ?? String(environment?.isVirtual === true))
  return [...new Set([...named, ...(winsOverUser ? [...own, user] : [user, ...own]), ...machine])]
}

function pathsOf(platform: NodeJS.Platform): typeof posix {
  return platform === 'win32' ? win32 : posix
}

/** As `jupyter_core` reads its switches. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && !['no', 'n', 'false', 'off', '0', '0.0', ''].includes(value.toLowerCase())
}
