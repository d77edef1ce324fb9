import { type ExecuteReply, KernelClient, type KernelOptions, type RunOutput } from '../client/index.ts'
import { outputIn } from '../client/run-output.ts'
import type { NotebookKernel } from './run.ts'

/** A kernel of one's own for one notebook. */
export class StartedKernel implements NotebookKernel {
  readonly #client: KernelClient
  /** Who hears what cells put out, by their request; as long as the kernel lives, since cells leave work running. */
  readonly #listeners = new Map<string, (output: RunOutput) => void>()

  private constructor(client: KernelClient) {
    this.#client = client
    client.onTold = (message) => {
      const listener = this.#listeners.get(message.parent?.msg_id ?? '')
      const output = listener && outputIn(message)
      if (output) listener(output)
    }
  }

  /** Starts a kernel. Throws `kernel.start`. */
  static async start(options: KernelOptions): Promise<StartedKernel> {
    return new StartedKernel(await KernelClient.start(options))
  }

  get languageInfo(): Readonly<Record<string, unknown>> {
    return this.#client.info.language_info as Readonly<Record<string, unknown>>
  }

  /** Resolves when the outputs of the cell are here, too. Throws `kernel.died`. */
  async execute(code: string, put: (output: RunOutput) => void): Promise<ExecuteReply> {
    const run = this.#client.execute(code)
    this.#listeners.set(run.id, put)
    return (await run.done()).reply
  }

  interrupt(): Promise<void> {
    return this.#client.interrupt()
  }

  /** Ends it, by force when it does not end by itself. */
  async close(): Promise<void> {
    await this.#client.shutdown()
  }
}
