import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TaskName } from './task.ts'

/** Batches that lie ready in each process. */
const BATCHES = 30

/** Processes that train the same model each by itself, at the same time, on batches of their own. */
export class BareProcesses {
  readonly #processes: readonly ChildProcess[]

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes
  }

  static async start(task: TaskName, count: number): Promise<BareProcesses> {
    const file = fileURLToPath(new URL('bare-steps-process.ts', import.meta.url))
    const processes = Array.from({ length: count }, (_, i) => fork(file, [task, String(i * BATCHES), String(BATCHES)]))
    await Promise.all(processes.map((each) => once(each, 'message')))
    return new BareProcesses(processes)
  }

  /** Has each take so many steps, and says how long the slowest took. */
  async steps(count: number): Promise<{ readonly seconds: number }> {
    const answers = this.#processes.map((each) => once(each, 'message') as Promise<[number]>)
    for (const each of this.#processes) each.send(count)
    return { seconds: Math.max(...(await Promise.all(answers)).map(([seconds]) => seconds)) }
  }

  stop(): void {
    for (const each of this.#processes) each.disconnect()
  }
}
