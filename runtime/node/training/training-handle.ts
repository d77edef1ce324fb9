import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { userError } from '../../base/index.ts'
import type { TrainingStep } from '../../compute/graph/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import { readSafetensors } from '../../data/tensor/safetensors.ts'
import type { Checkpoint, TrainingProgress } from '../../protocol/index.ts'
import type { RequestOptions } from '../control/connection.ts'
import type { JobHandle } from '../control/job-handle.ts'

/** Something that happened in a training: steps were done, or a checkpoint is durable. */
export type TrainingEvent =
  | ({ readonly type: 'steps' } & TrainingProgress)
  | ({ readonly type: 'checkpoint' } & Checkpoint)

/** A training on its way, from a client's side, with the step that it was made of. */
export class TrainingHandle {
  readonly job: JobHandle
  readonly step: TrainingStep

  constructor(job: JobHandle, step: TrainingStep) {
    this.job = job
    this.step = step
  }

  /** The job's id. */
  get id(): string {
    return this.job.id
  }

  /** How it goes on, until it has ended: the last of the steps some times a second, and each checkpoint. */
  async *events(options: RequestOptions = {}): AsyncGenerator<TrainingEvent, void, void> {
    for await (const event of this.job.events(options)) {
      if (event.type === 'training') {
        const { step, metrics, rowsPerSecond } = event
        yield { type: 'steps', step, metrics, rowsPerSecond }
      } else if (event.type === 'part' && event.part.checkpoint) yield { type: 'checkpoint', ...event.part.checkpoint }
    }
  }

  /** Resolves when it is done. Rejects with what it failed of: `train.diverged` names the step. */
  async done(options: RequestOptions = {}): Promise<void> {
    await this.job.done(options)
  }

  /** What it has come to so far, in order. */
  async checkpoints(options?: RequestOptions): Promise<Checkpoint[]> {
    return (await this.job.parts(options)).flatMap(({ checkpoint }) => checkpoint ?? [])
  }

  /**
   * The best state, or the last, once it has ended, however it did. Without an evaluation the last one is the best.
   * Throws `train.no-state` when it has come to none.
   */
  async state(which: 'best' | 'last' = 'best', options?: RequestOptions): Promise<NamedTensors> {
    const { outputDir } = await this.job.status(options)
    const read = (name: string) => readFile(join(outputDir, `${name}.safetensors`)).catch(() => undefined)
    const bytes = (which === 'best' ? await read('best') : undefined) ?? (await read('last'))
    if (!bytes)
      throw userError(
        'train.no-state',
        `${this.id} has no state in ${outputDir} yet; it is there once the job has ended`,
      )
    return tensorsOf(bytes)
  }

  /** The trained model as an ONNX file for inference, batches of any size. Rejects as {@link state} does. */
  async model(which: 'best' | 'last' = 'best', options?: RequestOptions): Promise<Uint8Array> {
    return this.step.inference(await this.state(which, options))
  }
}

/** The tensors of a safetensors file, in memory. Throws `tensor.malformed`. */
export async function tensorsOf(bytes: Uint8Array): Promise<NamedTensors> {
  const read = async (at: number, length: number) => bytes.subarray(at, at + length)
  const stored = await readSafetensors({ sizeBytes: bytes.byteLength, read })
  return Object.fromEntries(
    stored.map(({ name, dtype, shape, at, sizeBytes }) => [
      name,
      { dtype, shape, data: new Uint8Array(bytes.subarray(at, at + sizeBytes)) },
    ]),
  )
}
