import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { userError } from '../../base/index.ts'
import type { TrainingStep } from '../../compute/graph/index.ts'
import { batchSizeOf } from '../../compute/training/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type {
  Checkpoint,
  JobStatus,
  ResultPart,
  RoundOutcome,
  RoundsView,
  TrainingProgress,
} from '../../protocol/index.ts'
import type { RequestOptions } from '../control/connection.ts'
import type { JobHandle } from '../control/job-handle.ts'
import { tensorsOf } from './state-tensors.ts'
import { type NamedPeer, type TrainingRound, trainingRound } from './training-round.ts'

/**
 * Something that happened in a training: a worker made steps, a checkpoint is durable, and, with several workers, a round
 * was closed, or it is others that take part or that it waits for. Of several workers, `steps` has the worker's own.
 */
export type TrainingEvent =
  | ({ readonly type: 'steps'; readonly worker: string } & TrainingProgress)
  | ({ readonly type: 'checkpoint' } & Checkpoint)
  | ({ readonly type: 'round' } & TrainingRound)
  | ({ readonly type: 'members' } & TrainingMembers)

/** Who takes part in the rounds of a training. */
export interface TrainingMembers extends Pick<RoundsView, 'waits' | 'sync'>, Pick<JobStatus, 'refusals'> {
  /** Of the round that is open; none between two. */
  readonly members: readonly NamedPeer[]
}

/** A training on its way, from a client's side, with the step that it was made of. */
export class TrainingHandle {
  readonly job: JobHandle
  readonly step: TrainingStep
  readonly #names = new Map<string, string>()

  constructor(job: JobHandle, step: TrainingStep) {
    this.job = job
    this.step = step
  }

  /** The job's id. */
  get id(): string {
    return this.job.id
  }

  /**
   * How it goes on, until it has ended: the last of the steps some times a second, each round, each checkpoint, and who takes
   * part whenever that changes.
   */
  async *events(options: RequestOptions = {}): AsyncGenerator<TrainingEvent, void, void> {
    let [outputDir, told] = ['', '']
    for await (const event of this.job.events(options)) {
      if (event.type === 'training') {
        const { worker, step, metrics, rowsPerSecond } = event
        yield { type: 'steps', worker, step, metrics, rowsPerSecond }
      } else if (event.type === 'part') {
        if (event.part.round) yield { type: 'round', ...(await this.#round(event.part, event.part.round, outputDir)) }
        if (event.part.checkpoint) yield { type: 'checkpoint', ...event.part.checkpoint }
      } else if (event.type === 'job') {
        outputDir = event.status.outputDir
        const members = this.#members(event.status)
        const found = JSON.stringify(members)
        if (members && found !== told) yield { type: 'members', ...members }
        told = found
      }
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

  /** The rounds of several workers so far, in order. */
  async rounds(options?: RequestOptions): Promise<TrainingRound[]> {
    const rounds: TrainingRound[] = []
    this.#members(await this.job.status(options))
    for (const part of await this.job.parts(options))
      if (part.round) rounds.push(await this.#round(part, part.round, ''))
    return rounds
  }

  #members({ rounds, refusals, workers }: JobStatus): TrainingMembers | undefined {
    for (const { peer, name } of workers) this.#names.set(peer, name)
    if (!rounds) return undefined
    const { members, waits, sync } = rounds
    return {
      members: members.map((peer) => ({ peer, name: this.#nameOf(peer) })),
      refusals,
      ...(waits !== undefined && { waits }),
      ...(sync !== undefined && { sync }),
    }
  }

  #nameOf(peer: string): string {
    return this.#names.get(peer) ?? ''
  }

  #round(part: ResultPart, outcome: RoundOutcome, outputDir: string): Promise<TrainingRound> {
    const { signature } = this.step
    return trainingRound({
      outcome,
      step: part.firstRow + part.rows,
      file: resolve(outputDir, part.file),
      batchSize: batchSizeOf(signature),
      metrics: signature.metrics,
      nameOf: (peer) => this.#nameOf(peer),
    })
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
