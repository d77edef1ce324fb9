import { type RowTable, roomFor } from '../../data/rows/index.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import type { Evaluation } from '../../protocol/index.ts'
import { AHEAD, type ChildSession, type ChildTraining, type StepGroup, type Stepped } from '../engine/index.ts'

/** What {@link measure} works on. */
export interface MeasureInit {
  readonly evaluation: Evaluation
  readonly model: ChildSession
  /** Whose state is measured. */
  readonly training: ChildTraining
  readonly table: RowTable
  readonly signal?: AbortSignal | undefined
}

/**
 * The mean of each scalar f32 output of a model over rows, by name; the state that is being trained gives it its
 * weights. Rows come in the order of the table, each batch counts by its rows.
 */
export async function measure(init: MeasureInit): Promise<Record<string, number>> {
  const { model, training, signal } = init
  const names = model.outputs.filter(({ dtype }) => dtype === 'float32').map(({ name }) => name)
  const sums = names.map(() => 0)
  let rows = 0
  const onStepped = ({ group, metrics }: Stepped) => {
    for (const [i, values] of metrics.entries()) {
      const weight = Object.values(group.steps[i]!.tensors)[0]!.shape[0]!
      rows += weight
      for (const at of sums.keys()) sums[at]! += weight * values[at]!
    }
  }
  await training.evaluate(model, names, batches(init), { ...(signal && { signal }), onStepped })
  return Object.fromEntries(names.map((name, i) => [name, sums[i]! / rows]))
}

async function* batches({ evaluation, model, table }: MeasureInit): AsyncGenerator<StepGroup, void, void> {
  const { data, batchSize } = evaluation
  const columns = table.columns.filter(({ name }) => model.inputs.some((input) => input.name === name))
  const isFixed = columns.some(({ name }) =>
    model.inputs.some((input) => input.name === name && typeof input.shape?.[0] === 'number'),
  )
  const rooms = Array.from({ length: AHEAD }, () => roomFor(table.columns, batchSize))
  for (let from = 0, batch = 0; from < data.rows; from += batchSize, batch++) {
    const count = Math.min(batchSize, data.rows - from)
    if (isFixed && count < batchSize) return
    const places = Float64Array.from({ length: count }, (_, i) => data.firstRow + from + i)
    const gathered = await table.gather(places, rooms[batch % AHEAD]!)
    const tensors: NamedTensors = Object.fromEntries(columns.map(({ name }) => [name, gathered[name]!]))
    yield { steps: [{ tensors, scalars: {} }], commit: false }
  }
}
