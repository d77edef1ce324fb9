import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

/** What TypeScript's server answers; `body` is the command's. */
export interface TsserverAnswer {
  readonly type: string
  readonly request_seq?: number
  readonly success: boolean
  readonly message?: string
  readonly body?: unknown
}

/**
 * TypeScript's language server as VS Code starts it, spoken to by its own protocol
 * (https://github.com/microsoft/TypeScript/wiki/Standalone-Server-%28tsserver%29): one line a request; answers come with a length
 * before them, which a line each makes needless.
 */
export class Tsserver {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (answer: TsserverAnswer) => void>()
  #last = 0

  constructor(cwd: string) {
    const main = createRequire(import.meta.url).resolve('@tslab/typescript-for-tslab')
    const args = ['--useInferredProjectPerProjectRoot', '--disableAutomaticTypingAcquisition']
    this.#process = spawn(process.execPath, [join(dirname(main), 'tsserver.js'), ...args], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface(this.#process.stdout!).on('line', (line) => {
      if (!line.startsWith('{')) return
      const answer: TsserverAnswer = JSON.parse(line)
      if (answer.type === 'response') this.#waiting.get(answer.request_seq!)?.(answer)
    })
  }

  /** Resolves with the body of the answer. */
  async ask(command: string, args: object): Promise<unknown> {
    const seq = ++this.#last
    const answered = new Promise<TsserverAnswer>((resolve) => this.#waiting.set(seq, resolve))
    this.#process.stdin!.write(`${JSON.stringify({ seq, type: 'request', command, arguments: args })}\n`)
    const { body } = await answered
    return body
  }

  close(): void {
    this.#process.kill()
  }
}
