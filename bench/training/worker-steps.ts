import { type Digest, systemClock } from '../../runtime/base/index.ts'
import { type ChildTraining, EngineChild, type LoadOptions } from '../../runtime/compute/engine/index.ts'
import { measure, trainSteps } from '../../runtime/compute/training/index.ts'
import type { RowTable } from '../../runtime/data/rows/index.ts'
import type { Tensor } from '../../runtime/data/tensor/index.ts'
import type { BareSteps } from './bare-step.ts'
import { NOWHERE, shardOf } from './batches.ts'
import { JUDGED_AT_ONCE, type TrainingTask } from './task.ts'

/**
 * The steps of a task as a worker runs them: in an engine child, their batches gathered meanwhile from the shuffled
 * table, metrics brought back, the state hashed every 100 steps.
 */
export class WorkerTraining {
  readonly #child: EngineChild
  readonly #training: ChildTraining
  readonly #task: TrainingTask
  #done = 0

  private constructor(child: EngineChild, training: ChildTraining, task: TrainingTask) {
    this.#child = child
    this.#training = training
    this.#task = task
  }

  /** `on`: what computes. Default: one thread of the CPU. */
  static async start(
    task: TrainingTask,
    on: { readonly start: () => EngineChild; readonly options?: LoadOptions } = {
      start: () => new EngineChild({ clock: systemClock }),
    },
  ): Promise<WorkerTraining> {
    const { step, signature, initialState, frozen } = task.step
    const child = on.start()
    const session = await child.load({ graph: step }, on.options)
    const initial = initialState()
    const training = await session.train({
      state: signature.state.map(({ name, next }) => ({ next, ...sourceOf(name, initial[name]!) })),
      frozen: Object.entries(frozen()).map(([name, tensor]) => sourceOf(name, tensor)),
      metrics: signature.metrics,
    })
    return new WorkerTraining(child, training, task)
  }

  /** `commitment`: the hash of the state after the last step. */
  async steps(count: number): Promise<BareSteps & { readonly commitment: Digest | undefined }> {
    const { step, table } = this.#task
    const shard = shardOf(this.#task, { fromStep: this.#done, steps: count })
    const start = performance.now()
    const { metrics, commitments } = await trainSteps({
      clock: systemClock,
      shard,
      signature: step.signature,
      training: this.#training,
      table,
    })
    const seconds = (performance.now() - start) / 1_000
    this.#done += count
    const { buffer, byteOffset, byteLength } = metrics.loss!.data
    return {
      seconds,
      losses: [...new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4)],
      commitment: commitments.at(-1),
    }
  }

  /** Means of loss and accuracy over a table that is not learned from, as far as it fills batches of 100. */
  async evaluate(table: RowTable): Promise<Readonly<Record<string, number>>> {
    const model = await this.#child.load({ graph: this.#task.step.evaluation() })
    try {
      const rows = table.length - (table.length % JUDGED_AT_ONCE)
      const data = { table: NOWHERE, firstRow: 0, rows }
      const evaluation = { model: { graph: NOWHERE, weights: [] }, data, batchSize: JUDGED_AT_ONCE }
      return await measure({ evaluation, model, training: this.#training, table })
    } finally {
      await model.close()
    }
  }

  stop(): void {
    void this.#child.kill()
  }
}

function sourceOf(name: string, { dtype, shape, data }: Tensor) {
  const content = async function* () {
    yield data
  }
  return { name, dtype, shape, sizeBytes: data.byteLength, content }
}
