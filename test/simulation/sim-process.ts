import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Shrunk } from './shrink.ts'
import type { Outcome } from './simulate.ts'

/** A seed to run. */
export interface SeedTask {
  readonly seed: number
  /** Indices of the faults to keep. Default: all of them. */
  readonly keep?: readonly number[]
  /** Where every line of the trace is written. */
  readonly traceFile?: string
  /** Whether to look for a shorter failing plan. */
  readonly shrinks?: boolean
}

/** What became of it. */
export interface SeedResult {
  readonly seed: number
  readonly nodes: number
  readonly faults: number
  readonly realMs: number
  readonly outcome: Outcome
  readonly shrunk?: Shrunk
}

/** A process that runs seeds, with a mutation planted in it if one is named. */
export class SimProcess {
  readonly #child: ChildProcess
  readonly #ready: Promise<void>
  #waiting: { resolve: (result: SeedResult) => void; reject: (error: Error) => void } | undefined

  constructor(mutation?: string) {
    this.#child = fork(join(import.meta.dirname, 'run-seeds.ts'), mutation === undefined ? [] : [mutation], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#ready = promise
    promise.catch(() => {}) // whoever runs a seed hears of it
    this.#child.on('message', (message: 'ready' | SeedResult) => {
      if (message === 'ready') resolve()
      else this.#waiting?.resolve(message)
    })
    this.#child.on('exit', (code) => {
      const error = new Error(`a process of the simulator ended with ${code}`)
      reject(error)
      this.#waiting?.reject(error)
    })
  }

  /** Runs one seed; one at a time. */
  async run(task: SeedTask): Promise<SeedResult> {
    await this.#ready
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#child.send(task)
    })
  }

  stop(): void {
    this.#child.kill()
  }
}

/** Runs seeds in as many processes at once as there are cores; tells each result as it comes, `false` ends it. */
export async function runSeeds(
  tasks: Iterable<SeedTask>,
  { processes, mutation, tell }: { processes: number; mutation?: string; tell: (result: SeedResult) => boolean },
): Promise<void> {
  const waiting = tasks[Symbol.iterator]()
  let goesOn = true
  const work = async (): Promise<void> => {
    const process = new SimProcess(mutation)
    try {
      for (let next = waiting.next(); goesOn && !next.done; next = waiting.next())
        goesOn = tell(await process.run(next.value)) && goesOn
    } finally {
      process.stop()
    }
  }
  await Promise.all(Array.from({ length: processes }, work))
}
