import type { EngineSession } from '../../runtime/compute/engine/index.ts'
import type { TrainingStep } from '../../runtime/compute/graph/index.ts'
import { layoutOf, type SharedLayout } from '../../runtime/compute/update/index.ts'
import { epochOrder, type Permutation, placesOf, type RowTable, roomFor } from '../../runtime/data/rows/index.ts'
import { type NamedTensors, type Tensor, tensorOf } from '../../runtime/data/tensor/index.ts'
import { type LearningRate, learningRateAt } from '../../runtime/protocol/index.ts'

/** What a {@link Replica} is made of; replicas of one process share the session. */
export interface ReplicaInit {
  readonly session: EngineSession
  readonly step: TrainingStep
  readonly table: RowTable
  readonly seed: number
  readonly batch: number
  readonly learningRate: LearningRate
}

/** One model that is trained in this process: its steps, and its shared state to be read and replaced. */
export class Replica {
  readonly layout: SharedLayout
  readonly #init: ReplicaInit
  readonly #stepper: ReturnType<NonNullable<EngineSession['stepper']>>
  readonly #room: NamedTensors
  #steps = 0
  #epoch = -1
  #order: Permutation | undefined

  constructor(init: ReplicaInit) {
    this.#init = init
    const { session, step, table, batch } = init
    this.layout = layoutOf(step.signature)
    const initial = step.initialState()
    this.#stepper = session.stepper!({
      state: step.signature.state.map(({ name, next }) => ({ name, next, tensor: initial[name]! })),
      frozen: step.frozen(),
      metrics: step.signature.metrics,
    })
    this.#room = roomFor(table.columns, batch)
  }

  /** A step on a batch by its number, at the learning rate of a place of the schedule. */
  async step(batch: number, position: number): Promise<void> {
    const { step, table, batch: rows, learningRate, seed } = this.#init
    const { scalars } = step.signature
    const perEpoch = Math.floor(table.length / rows)
    const epoch = Math.floor(batch / perEpoch)
    if (epoch !== this.#epoch) this.#order = epochOrder(table, { seed, epoch })
    this.#epoch = epoch
    const from = (batch % perEpoch) * rows
    const inputs: Record<string, Tensor> = {
      ...(await table.gather(placesOf(this.#order!, from, from + rows), this.#room)),
    }
    this.#steps++
    if (scalars.learningRate !== undefined)
      inputs[scalars.learningRate] = scalar(learningRateAt(learningRate, position))
    if (scalars.step !== undefined) inputs[scalars.step] = scalar(this.#steps)
    await this.#stepper.step(inputs)
  }

  /** The shared state, flattened, into `into`. */
  read(into: Float32Array): void {
    for (const { index, offset, length } of this.layout.tensors) into.set(this.#values(index, length), offset)
  }

  /** Makes the flattened state its own; the optimiser's stays as it is. */
  write(shared: Float32Array): void {
    for (const { index, offset, length } of this.layout.tensors)
      this.#values(index, length).set(shared.subarray(offset, offset + length))
  }

  /** All of its state by name: views. */
  state(): NamedTensors {
    const tensors = this.#stepper.state()
    return Object.fromEntries(this.#init.step.signature.state.map(({ name }, i) => [name, tensors[i]!]))
  }

  #values(index: number, length: number): Float32Array {
    const { buffer, byteOffset } = this.#stepper.state()[index]!.data
    return new Float32Array(buffer as ArrayBuffer, byteOffset, length)
  }
}

function scalar(value: number): Tensor {
  return tensorOf(Float32Array.of(value), [])
}
