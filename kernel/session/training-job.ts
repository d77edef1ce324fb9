import type { Table } from 'apache-arrow'
import type { TfjsModel } from '../../runtime/compute/graph/import/tfjs/artifacts.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { TrainingEvent } from '../../runtime/node/training/training-handle.ts'
import type { Checkpoint, NodeEvent } from '../../runtime/protocol/index.ts'
import { Job } from './job.ts'
import { checkpointsOf, modelFileOf, modelOf, stateOf, tableOf } from './job-files.ts'

/** What a training came to; `cluster.infer({ model })` takes it as a model. */
export interface Trained {
  /** The job's id. */
  readonly job: string
  /** The trained model with the best state, batches of any size, as an ONNX file ... */
  readonly model: Uint8Array
  /** ... and where that lies on this machine. Of a model beyond 1 GiB weights are a file beside it. */
  readonly modelFile: string
  /** The best state by name, or the last where nothing was evaluated. */
  readonly state: NamedTensors
  /** A row for each step: `row`, `loss` and the other metrics. */
  readonly metrics: Table
  /** With what their evaluations gave, in order. */
  readonly checkpoints: readonly Checkpoint[]
  /**
   * Gives a Layers model of TensorFlow.js the trained weights: the one that was trained, or one that was built as that was, layer
   * by layer and name by name. Throws `tfjs.*`, `graph.state` for another model.
   */
  into(model: TfjsModel): Promise<void>
}

/** A training on its way. `await` gives what it came to; its events are steps, checkpoints, rounds and members. */
export class TrainingJob extends Job<Trained, TrainingEvent> {
  readonly program = Promise.resolve('train' as const)

  /** A row for each step so far: `row`, `loss` and the other metrics. */
  async metrics(): Promise<Table> {
    return tableOf(await this.parts())
  }

  /** What it has come to so far, in order. */
  checkpoints(): Promise<Checkpoint[]> {
    return this.ask(checkpointsOf)
  }

  /** The best state, or the last, once it has ended, however it did. Throws `train.no-state`. */
  async state(which: 'best' | 'last' = 'best'): Promise<NamedTensors> {
    return stateOf(await this.here(), which)
  }

  /** The model with the best state as an ONNX file, once it has ended, however it did. Throws `train.no-model`. */
  async model(): Promise<Uint8Array> {
    return modelOf(await this.here())
  }

  protected resultOf(handle: JobHandle): Promise<Trained> {
    return trainedOf(handle)
  }

  protected async *events(news: AsyncIterable<NodeEvent>): AsyncGenerator<TrainingEvent, void, void> {
    const { trainingEvents } = await import('./training-events.ts')
    yield* trainingEvents(news, () => this.record())
  }
}

/** What a training that is done came to. */
export async function trainedOf(handle: JobHandle): Promise<Trained> {
  const [status, parts] = [await handle.status(), await handle.parts()]
  const state = await stateOf(status, 'best')
  return {
    job: status.job,
    model: await modelOf(status),
    modelFile: await modelFileOf(status),
    state,
    metrics: await tableOf(parts),
    checkpoints: parts.flatMap(({ checkpoint }) => checkpoint ?? []),
    async into(model) {
      const { setTfjsWeights } = await import('./tfjs-weights.ts')
      await setTfjsWeights(model, state)
    },
  }
}
