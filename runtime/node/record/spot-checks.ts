import { userError } from '../../base/index.ts'
import { type NamedTensors, typedArrayOf } from '../../data/tensor/index.ts'
import type { BlobRef, ResultPart, TrainShard } from '../../protocol/index.ts'
import { distance, farthest } from './compare.ts'
import { statesOf } from './contents.ts'
import type { ReplayInit } from './replay.ts'
import { stateIn } from './replay-chain.ts'
import { type SpotCheck, TOLERANCE, type Verdict } from './verdict.ts'

/**
 * A training that was computed in a class that this machine lacks: a few steps from each state that is in the bundle, in a
 * class that it has, against the losses that were recorded of them - and against the state, where that of a few steps
 * later is there too. See {@link TOLERANCE} for why not more.
 */
export async function spotChecks(init: ReplayInit, recorded: string): Promise<Verdict> {
  const { worker, signal, onProgress } = init
  const [device] = worker.devices
  if (!device) throw userError('device.none', 'this machine has no device to compute on; see aivida device list')
  const starts = startsOf(init)
  const checks: SpotCheck[] = []
  for (const [i, start] of starts.entries()) {
    const shard = shardFrom(init, start)
    const trained = await worker.train(device.id, shard, 0, { signal, onSteps: () => {} })
    const { loss } = await init.bundle.metrics(start.part)
    const found = trained.metrics.loss
    const apart =
      loss && found ? farthest(typedArrayOf(loss) as Float32Array, start.row, typedArrayOf(found) as Float32Array) : 1
    const update = await updateApart(init, start, shard.fromStep + shard.steps, trained.state)
    checks.push({ fromStep: shard.fromStep, steps: shard.steps, loss: apart, ...(update !== undefined && { update }) })
    onProgress?.(i + 1, starts.length)
    const most = Math.max(apart, update ?? 0)
    if (most > TOLERANCE.relative)
      return {
        verdict: 'differs',
        at: {
          what: (update ?? 0) > TOLERANCE.relative ? 'state' : 'metrics',
          part: start.part.index,
          step: shard.fromStep + shard.steps,
          name: (update ?? 0) > TOLERANCE.relative ? 'update' : 'loss',
          expected: `a relative difference of at most ${TOLERANCE.relative}`,
          found: most.toExponential(2),
        },
      }
  }
  const here = device.determinismClass
  return { verdict: 'within tolerance', recorded: [recorded], here, checks }
}

interface Start {
  readonly state: BlobRef
  readonly step: number
  /** Whose metrics tell of the next steps, from this row on. */
  readonly part: ResultPart
  readonly row: number
}

/** Recorded states that steps follow on. */
function startsOf({ bundle: { record }, blobs }: ReplayInit): Start[] {
  const { best } = statesOf(record.parts, record.request)
  const states = [{ state: record.training.state, step: 0 }, ...(best ? [best] : [])]
  return states.flatMap(({ state, step }): Start[] => {
    const part = record.parts.find(({ firstRow, rows }) => firstRow <= step && step < firstRow + rows)
    return part && blobs.has(state.blob) ? [{ state, step, part, row: step - part.firstRow }] : []
  })
}

function shardFrom({ bundle: { record } }: ReplayInit, { state, step, part, row }: Start): TrainShard {
  const { model, training, request } = record
  return {
    kind: 'train',
    model,
    state,
    ...(training.frozen && { frozen: training.frozen }),
    data: training.data,
    fromStep: step,
    steps: Math.min(TOLERANCE.steps, part.rows - row),
    seed: request.seed,
    learningRate: request.learningRate,
    commitEvery: TOLERANCE.steps,
  }
}

/** How far the change of the state is from the recorded one, where the state after these very steps is recorded. */
async function updateApart(
  { bundle: { record }, blobs }: ReplayInit,
  { state }: Start,
  step: number,
  found: BlobRef,
): Promise<number | undefined> {
  const { last } = statesOf(record.parts, record.request)
  if (!last || last.step !== step || !blobs.has(last.state.blob)) return undefined
  const [before, expected, after] = [
    await stateIn(blobs, state),
    await stateIn(blobs, last.state),
    await stateIn(blobs, found),
  ]
  return distance(changeOf(before, expected), changeOf(before, after))
}

/** What steps made of a state's f32 tensors, one after the other. */
function changeOf(before: NamedTensors, after: NamedTensors): number[] {
  return Object.entries(before).flatMap(([name, from]) => {
    const to = after[name]
    if (from.dtype !== 'float32' || to?.dtype !== 'float32') return []
    const [a, b] = [typedArrayOf(from) as Float32Array, typedArrayOf(to) as Float32Array]
    return Array.from(a, (value, i) => b[i]! - value)
  })
}
