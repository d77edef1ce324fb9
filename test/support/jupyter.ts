import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findJupyter, ownKernelspec, writeKernelspec } from '../../kernel/install/index.ts'

const START_MS = 60_000

/** Jupyter on this machine, with all that the tests need of it: `JUPYTER`, or the one on the path. */
export function findTestJupyter(): { readonly command: string; readonly python: string } | undefined {
  const found = findJupyter({ env: process.env, home: '/nowhere', platform: process.platform })
  if (!found) return undefined
  const beside = (name: string) => join(dirname(found.command), name)
  const isWhole = ['jupyter-lab', 'jupyter-nbconvert', 'python'].every((name) => existsSync(beside(name)))
  return isWhole ? { command: found.command, python: beside('python') } : undefined
}

/** A folder in which Jupyter keeps all that it writes, with this kernel installed; this user's own Jupyter is not touched. */
export class JupyterHome implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'aivida-jupyter-'))
  readonly env: Readonly<Record<string, string | undefined>>

  private constructor(kernelEnv: Readonly<Record<string, string>>) {
    this.env = {
      ...process.env,
      ...kernelEnv,
      HOME: this.folder,
      JUPYTER_DATA_DIR: join(this.folder, 'data'),
      JUPYTER_CONFIG_DIR: join(this.folder, 'config'),
      JUPYTER_RUNTIME_DIR: join(this.folder, 'runtime'),
      JUPYTERLAB_SETTINGS_DIR: join(this.folder, 'settings'),
      JUPYTERLAB_WORKSPACES_DIR: join(this.folder, 'workspaces'),
      IPYTHONDIR: join(this.folder, 'ipython'),
      NO_COLOR: '1',
    }
  }

  /** `kernelEnv`: what kernels find in their environment, such as their node's folder. */
  static async make(kernelEnv: Readonly<Record<string, string>> = {}): Promise<JupyterHome> {
    const home = new JupyterHome(kernelEnv)
    await writeKernelspec(join(home.folder, 'data'), ownKernelspec(process.execPath, kernelEnv))
    const settings = join(home.folder, 'settings/@jupyterlab/apputils-extension')
    await mkdir(settings, { recursive: true })
    const quiet = { fetchNews: 'false', checkForUpdates: false }
    await writeFile(join(settings, 'notification.jupyterlab-settings'), JSON.stringify(quiet))
    return home
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** JupyterLab on loopback, which shows the notebooks of a folder. */
export class JupyterLab implements AsyncDisposable {
  /** With its token. */
  readonly url: (path: string) => string
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, url: (path: string) => string) {
    this.#process = child
    this.url = url
  }

  static async start(command: string, home: JupyterHome, notebooks: string): Promise<JupyterLab> {
    const own = [`--ServerApp.root_dir=${notebooks}`, '--ServerApp.port=0', '--ServerApp.ip=127.0.0.1']
    const args = ['lab', '--no-browser', '--allow-root', '--expose-app-in-browser', ...own]
    const child = spawn(command, args, { env: home.env as NodeJS.ProcessEnv, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
    const endMs = performance.now() + START_MS
    for (;;) {
      const found = serverIn(join(home.folder, 'runtime'))
      if (found) return new JupyterLab(child, (path) => `${found.url}${path}?token=${found.token}`)
      if (child.exitCode !== null || performance.now() > endMs) throw new Error(`JupyterLab did not start:\n${said}`)
      await sleep(50)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), 10_000)
    await gone
    clearTimeout(force)
  }
}

/** What a server that listens has written down of itself. */
function serverIn(folder: string): { readonly url: string; readonly token: string } | undefined {
  try {
    const file = readdirSync(folder).find((name) => /^jpserver-\d+\.json$/.test(name))
    return file === undefined ? undefined : JSON.parse(readFileSync(join(folder, file), 'utf8'))
  } catch {
    return undefined // not there yet, or half written
  }
}
