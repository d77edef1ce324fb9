import { userError } from '../../base/index.ts'
import { columnBytes, epochOrder, type Permutation, placesOf, type RowTable, roomFor } from '../../data/rows/index.ts'
import { elementCount } from '../../data/tensor/check.ts'
import { DTYPES, type NamedTensors, type Tensor } from '../../data/tensor/tensor.ts'
import type { RowRange, TrainShard } from '../../protocol/index.ts'
import type { StepFeed, StepGroup } from '../engine/index.ts'
import type { StepSignature } from '../graph/training/step-signature.ts'
import { maskOf } from './masks.ts'
import { type PlannedShard, StepPlan, type StepRun } from './step-plan.ts'

/** What {@link StepFeeder} needs. */
export interface StepFeederInit {
  readonly shard: PlannedShard & Pick<TrainShard, 'data' | 'seed'>
  readonly signature: StepSignature
  readonly table: RowTable
  /** Groups whose memory is in use at once; see `SteppingOptions.ahead`. */
  readonly ahead: number
  /** What an earlier feeder of this training left, all of whose groups are done. Default: nothing. */
  readonly memory?: FeedMemory | undefined
}

/** What feeders of one training leave to each other, shard by shard. */
export class FeedMemory {
  /** How many steps a group may have: for steps so short that the way to the engine counts. */
  groupSteps = 1
  #rooms: readonly NamedTensors[] = []

  /**
   * Memory for so many groups of so many rows. It lies outside of the heap: new memory for each shard has all of the heap
   * collected every few rounds.
   */
  rooms({ columns }: Pick<RowTable, 'columns'>, rows: number, count: number): readonly NamedTensors[] {
    const fits = this.#rooms.length === count && this.#rooms.every((room) => holds(room, columns, rows))
    if (!fits) this.#rooms = Array.from({ length: count }, () => roomFor(columns, rows))
    return this.#rooms
  }
}

function holds(room: NamedTensors, columns: RowTable['columns'], rows: number): boolean {
  return columns.every((column) => {
    const found = room[column.name]
    return found?.dtype === column.dtype && found.data.byteLength === rows * columnBytes(column)
  })
}

/** Steps of one group at most, and bytes of their batches: one batch is always let in. */
const GROUP_STEPS = 64
const GROUP_BYTES = 1 << 20

/** Rows that one step learns from. */
export function batchSizeOf({ batch }: Pick<StepSignature, 'batch'>): number {
  return batch[0]?.shape[0] ?? 0
}

/** Steps of one pass over the rows: those that fill no batch are left out, others in each pass. Throws `train.batch-too-large`. */
export function stepsPerEpoch(signature: Pick<StepSignature, 'batch'>, { rows }: Pick<RowRange, 'rows'>): number {
  const batchSize = batchSizeOf(signature)
  if (batchSize > rows)
    throw userError(
      'train.batch-too-large',
      `a batch of ${batchSize} rows cannot be drawn from ${rows}; give more rows, or build the step for smaller batches`,
      { batchSize, rows },
    )
  return Math.floor(rows / batchSize)
}

/**
 * What the steps of a shard are fed, in groups: the rows that their places in the epoch name, masks, learning rates. All
 * of it follows from the shard; only how many steps make a group does not, and nothing depends on that.
 */
export class StepFeeder {
  readonly memory: FeedMemory
  readonly #init: StepFeederInit
  readonly #plan: StepPlan
  readonly #stepsPerEpoch: number
  readonly #mostSteps: number
  readonly #rooms: readonly NamedTensors[]
  #epoch = -1
  #order: Permutation | undefined

  constructor(init: StepFeederInit) {
    this.#init = init
    this.#plan = new StepPlan(init.shard)
    const { signature, table, shard, ahead, memory = new FeedMemory() } = init
    this.#stepsPerEpoch = stepsPerEpoch(signature, shard.data)
    const batchBytes = signature.batch.reduce((sum, { dtype, shape }) => sum + DTYPES[dtype] * elementCount(shape), 0)
    const fitting = Math.floor(GROUP_BYTES / Math.max(1, batchBytes))
    this.#mostSteps = Math.max(1, Math.min(GROUP_STEPS, this.#stepsPerEpoch, shard.steps, fitting))
    const rows = this.#mostSteps * batchSizeOf(signature)
    this.memory = memory
    this.#rooms = memory.rooms(table, rows, ahead)
  }

  /** All steps of the shard, in order. Throws what gathering rows throws. */
  async *groups(): AsyncGenerator<StepGroup, void, void> {
    const { steps } = this.#init.shard
    for (let at = 0, group = 0; at < steps; group++) {
      // The engine waits for the first group alone.
      const most = group === 0 ? 1 : Math.min(this.memory.groupSteps, this.#mostSteps)
      const run = this.#plan.runFrom(at, this.#stepsPerEpoch, most)
      const feeds = await this.#feeds(run, this.#rooms[group % this.#rooms.length]!)
      at += run.count
      yield { steps: feeds, commit: run.commit }
    }
  }

  async #feeds({ at, batch, count }: StepRun, room: NamedTensors): Promise<StepFeed[]> {
    const { signature, table, shard } = this.#init
    const { firstRow } = shard.data
    const batchSize = batchSizeOf(signature)
    const from = (batch % this.#stepsPerEpoch) * batchSize
    const places = placesOf(this.#orderOf(Math.floor(batch / this.#stepsPerEpoch)), from, from + count * batchSize)
    for (let i = 0; i < places.length; i++) places[i]! += firstRow
    const gathered = await table.gather(places, room)
    return Array.from({ length: count }, (_, i) => ({
      tensors: {
        ...Object.fromEntries(signature.batch.map(({ name }) => [name, rowsOf(gathered[name]!, i, batchSize)])),
        ...Object.fromEntries(
          signature.masks.map((mask) => [mask.name, maskOf({ ...mask, seed: shard.seed, step: batch + i })]),
        ),
      },
      scalars: this.#scalars(at + i),
    }))
  }

  #scalars(at: number): Record<string, number> {
    const { signature, shard } = this.#init
    const { learningRate, step } = signature.scalars
    return {
      ...(learningRate !== undefined && { [learningRate]: this.#plan.rateAt(at) }),
      ...(step !== undefined && { [step]: shard.fromStep + at + 1 }),
    }
  }

  #orderOf(epoch: number): Permutation {
    const { table, shard } = this.#init
    if (epoch !== this.#epoch || !this.#order) {
      this.#epoch = epoch
      this.#order = epochOrder(partOf(table, shard.data.rows), { seed: shard.seed, epoch })
    }
    return this.#order
  }
}

/** As many rows of a table, as far as their order goes. */
function partOf({ length, storedBytes }: RowTable, rows: number): Pick<RowTable, 'length' | 'storedBytes'> {
  return { length: rows, storedBytes: Math.ceil((storedBytes * rows) / length) }
}

/** Rows `i * size` to `(i + 1) * size`: a view. */
export function rowsOf({ dtype, shape, data }: Tensor, i: number, size: number): Tensor {
  const rowBytes = data.byteLength / shape[0]!
  return {
    dtype,
    shape: [size, ...shape.slice(1)],
    data: data.subarray(i * size * rowBytes, (i + 1) * size * rowBytes),
  }
}
