import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AividaError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { Connection } from '../messaging/connection.ts'
import { freePort } from './ports.ts'

/** How a kernel's process is started. */
export interface ProcessOptions {
  /** As in a `kernel.json`: `{connection_file}` stands for the path of that file. */
  readonly argv: readonly string[]
  /** Default: this process's. */
  readonly cwd?: string | undefined
  /** Beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** The process of a kernel. It leads a process group of its own, as under Jupyter: Ctrl-C in a terminal does not reach it. */
export class KernelProcess {
  readonly connection: Connection
  /** Resolves when it has ended, with how, in words. */
  readonly ended: Promise<string>
  readonly pid: number
  #words = ''
  #end: string | undefined

  private constructor(child: ChildProcess, connection: Connection, folder: string) {
    this.connection = connection
    this.pid = child.pid!
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#words = (this.#words + text).slice(-limit('kernelWordsCharacters'))
      })
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#end = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`
        void rm(folder, { recursive: true, force: true }).then(() => resolve(this.#end!))
      })
    })
  }

  /** Starts one, at ports that are free. Throws `kernel.start` when there is no such program. */
  static async start({ argv, cwd, env }: ProcessOptions): Promise<KernelProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-kernel-'))
    const file = join(folder, 'connection.json')
    const connection: Connection = {
      transport: 'tcp',
      ip: '127.0.0.1',
      shell_port: await freePort(),
      iopub_port: await freePort(),
      stdin_port: await freePort(),
      control_port: await freePort(),
      hb_port: await freePort(),
      signature_scheme: 'hmac-sha256',
      key: randomUUID(),
    }
    await writeFile(file, JSON.stringify(connection), { mode: 0o600 })
    const [command, ...args] = argv.map((arg) => arg.replace('{connection_file}', file))
    const child = spawn(command!, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => {
        void rm(folder, { recursive: true, force: true })
        reject(failedStart(`expected a program that can be run, found ${command}: ${error.message}`))
      })
    })
    return new KernelProcess(child, connection, folder)
  }

  /** How it ended; `undefined` while it runs. */
  get end(): string | undefined {
    return this.#end
  }

  /** What it last wrote to stdout and stderr: a kernel that works writes nothing. */
  get words(): string {
    return this.#words.trim()
  }

  /** Sends a signal to all of its group, as Jupyter does. */
  signal(name: NodeJS.Signals): void {
    if (this.#end !== undefined) return
    try {
      process.kill(-this.pid, name)
    } catch {
      // it has ended in this moment
    }
  }

  /** Waits for its end, and brings it about when the time is up. Gives how it ended. */
  async waitOrKill(ms: number): Promise<string> {
    const timer = setTimeout(() => this.signal('SIGKILL'), Math.max(0, ms))
    const end = await this.ended
    clearTimeout(timer)
    return end
  }
}

/** That a kernel did not come to life, and why. */
export function failedStart(message: string): AividaError {
  return new AividaError({ code: 'kernel.start', category: 'platform', message })
}
