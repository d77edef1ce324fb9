import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { NamedTensors, Tensor } from '../../runtime/data/tensor/tensor.ts'
import { PEERS_PYTHON } from './peer.ts'

/** Models that `torch_training.py` builds, the same layers in the same order as ours. */
export type TorchModel = 'mlp' | 'cnn' | 'lm'

/** PyTorch's name of an optimiser, and its settings by PyTorch's names; the learning rate comes with each step. */
export type TorchOptimiser = { readonly kind: 'SGD' | 'Adam' | 'AdamW' } & Readonly<Record<string, unknown>>

/** What some steps took and gave. */
export interface TorchSteps {
  readonly seconds: number
  readonly cpu_seconds: number
  /** Of each step, before its update. */
  readonly losses: readonly number[]
}

/** Mean loss, and the share that was right, over all labels. */
export interface TorchEvaluation {
  readonly loss: number
  readonly accuracy: number
}

/** Which of several processes that train one model it is, and the file by which they meet, which is not there yet. */
export interface TorchGroup {
  readonly rank: number
  readonly size: number
  readonly meeting: string
}

/**
 * PyTorch in a process that stays, on one thread: builds a model from our initial weights, and trains it step by step, so
 * that its rounds can lie between ours. Commands are lines of JSON, one at a time; tensors go through files.
 */
export class TorchTraining {
  /** PyTorch's. */
  readonly version: string
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  readonly #folder: string
  #files = 0

  private constructor(child: ChildProcess, answers: AsyncIterator<string>, folder: string, version: string) {
    this.#child = child
    this.#answers = answers
    this.#folder = folder
    this.version = version
  }

  /** Starts the process, or says why there is none. Of a `group` all are to be started before one is waited for. */
  static async start(group?: TorchGroup): Promise<TorchTraining | { readonly reason: string }> {
    const python = process.env[PEERS_PYTHON]
    if (!python) return { reason: `set ${PEERS_PYTHON} to a Python that has torch and numpy` }
    const script = fileURLToPath(new URL('torch_training.py', import.meta.url))
    const place = group ? [String(group.rank), String(group.size), group.meeting] : []
    const child = spawn(python, [script, ...place], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.on('error', () => {}) // the lines end, which is told below
    const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const first = await answers.next()
    if (first.done) return { reason: `${python} did not start PyTorch` }
    const { version } = JSON.parse(first.value) as { version: string }
    return new TorchTraining(child, answers, await mkdtemp(join(tmpdir(), 'aivida-torch-')), version)
  }

  /** Builds a model from parameters in the order of its layers; dense weights are `[in, out]`, as ours. */
  async build(model: TorchModel, parameters: readonly Tensor[], optimiser: TorchOptimiser): Promise<void> {
    const file = await this.#write(parameters.map(({ data }) => data))
    await this.#ask({ do: 'build', model, parameters: file, shapes: parameters.map(({ shape }) => shape), optimiser })
  }

  /** Gives the batches that steps go round: columns `[batches, batch, ...] u8` by name. */
  async batches(columns: NamedTensors): Promise<void> {
    await this.#ask({ do: 'batches', columns: await this.#columns(columns) })
  }

  /** As many steps as there are learning rates. */
  steps(rates: readonly number[]): Promise<TorchSteps> {
    return this.#ask({ do: 'steps', rates })
  }

  /** Runs the model over batches, columns as above. */
  async evaluate(columns: NamedTensors): Promise<TorchEvaluation> {
    return this.#ask({ do: 'evaluate', columns: await this.#columns(columns) })
  }

  /** Ends the process and deletes its files. */
  async stop(): Promise<void> {
    this.#child.stdin!.end()
    await this.#answers.return?.()
    this.#child.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #columns(columns: NamedTensors): Promise<object> {
    const described: Record<string, object> = {}
    for (const [name, { shape, data }] of Object.entries(columns))
      described[name] = { file: await this.#write([data]), shape }
    return described
  }

  async #write(parts: readonly Uint8Array[]): Promise<string> {
    const file = join(this.#folder, String(this.#files++))
    await writeFile(file, parts)
    return file
  }

  async #ask<T>(command: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('PyTorch ended')
    const answer = JSON.parse(value) as T & { readonly error?: string }
    if (answer.error !== undefined) throw new Error(`PyTorch: ${answer.error}`)
    return answer
  }
}
