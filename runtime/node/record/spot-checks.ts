import { userError } from '../../base/index.ts'
import { type NamedTensors, typedArrayOf } from '../../data/tensor/index.ts'
import { emptyHistory, type RoundsJob, trainShardOf } from '../../job/programs/index.ts'
import { batchesIn } from '../../job/programs/rounds/sample-account.ts'
import type { BlobRef, ReplicaShard, ResultPart, TrainShard } from '../../protocol/index.ts'
import { distance, farthest } from './compare.ts'
import { statesOf, type TrainingRecord } from './contents.ts'
import { stateIn } from './replay-chain.ts'
import type { ReplayInit } from './replay-init.ts'
import { roundsJobOf } from './rounds-gaps.ts'
import { type SpotCheck, TOLERANCE, type Verdict } from './verdict.ts'

/**
 * A training that was computed in a class that this machine lacks: a few steps from each state that is in the bundle, in a
 * class that it has, against the losses that were recorded of them - and against the state, where that of a few steps
 * later is there too. Of a training by rounds these are the first steps of each member that counted in the first round. See
 * {@link TOLERANCE} for why not more. Where there is nothing to begin with, the class is `missing` still.
 */
export async function spotChecks(
  init: ReplayInit,
  missing: Extract<Verdict, { verdict: 'class missing' }>,
): Promise<Verdict> {
  const { worker, signal, onProgress, bundle } = init
  const [device] = worker.devices
  if (!device) throw userError('device.none', 'this machine has no device to compute on; see aivida device list')
  const rounds = roundsJobOf(bundle.record)
  const spots = rounds ? spotsOfRounds(init, rounds) : spotsOfChain(init)
  const checks: SpotCheck[] = []
  for (const [i, { shard, part, row }] of spots.entries()) {
    const { fromStep, steps } = shard
    const trained = await worker.train(device.id, shard, 0, { signal, onSteps: () => {} })
    const { loss } = await bundle.metrics(part)
    const found = trained.metrics.loss
    const apart =
      loss && found ? farthest(typedArrayOf(loss) as Float32Array, row, typedArrayOf(found) as Float32Array) : 1
    const update = rounds ? undefined : await updateApart(init, shard, trained.state)
    checks.push({ fromStep, steps, loss: apart, ...(update !== undefined && { update }) })
    onProgress?.(i + 1, spots.length)
    const [what, name, most] =
      (update ?? 0) > apart ? (['state', 'update', update!] as const) : (['metrics', 'loss', apart] as const)
    const at = { what, part: part.index, step: fromStep + steps, name, found: most.toExponential(2) }
    if (most > TOLERANCE.relative)
      return { verdict: 'differs', at: { ...at, expected: `a relative difference of at most ${TOLERANCE.relative}` } }
  }
  if (checks.length === 0) return missing
  const here = device.determinismClass
  return { verdict: 'within tolerance', recorded: [missing.recorded], here, checks }
}

/** Some steps, and where their losses are recorded: from this row of a part on. */
interface Spot {
  readonly shard: TrainShard
  readonly part: ResultPart
  readonly row: number
}

/** The first steps of each member of the first round, which begin with the state that the training did. */
function spotsOfRounds({ bundle: { record } }: ReplayInit, job: RoundsJob): Spot[] {
  const part = record.parts.find(({ round }) => round?.round === 0)
  const manifest = record.rounds.find(({ round }) => round === 0)
  const spots: Spot[] = []
  let row = 0
  for (const { shard, batches } of part?.round?.counted ?? []) {
    const index = manifest?.members.findIndex((member) => member.shard === shard) ?? -1
    if (!part || !manifest || index < 0) break // it is not what it began with
    spots.push({ shard: firstSteps(trainShardOf(job, manifest, index, emptyHistory(job.training))), part, row })
    row += batchesIn(batches)
  }
  return spots
}

function firstSteps(shard: ReplicaShard): ReplicaShard {
  const { replica } = shard
  let left = Math.min(TOLERANCE.steps, shard.steps)
  const steps = left
  const batches = replica.batches.flatMap(({ from, count }) => {
    const some = Math.min(count, left)
    left -= some
    return some > 0 ? [{ from, count: some }] : []
  })
  return { ...shard, steps, replica: { ...replica, batches } }
}

/** Recorded states that steps follow on. */
function spotsOfChain({ bundle: { record }, blobs }: ReplayInit): Spot[] {
  const { best } = statesOf(record.parts, record.request)
  const states = [{ state: record.training.state, step: 0 }, ...(best ? [best] : [])]
  return states.flatMap(({ state, step }): Spot[] => {
    const part = record.parts.find(({ firstRow, rows }) => firstRow <= step && step < firstRow + rows)
    if (!part || !blobs.has(state.blob)) return []
    const row = step - part.firstRow
    return [{ shard: shardFrom(record, state, step, part.rows - row), part, row }]
  })
}

function shardFrom(
  { model, training, request }: TrainingRecord,
  state: BlobRef,
  step: number,
  rows: number,
): TrainShard {
  return {
    kind: 'train',
    model,
    state,
    ...(training.frozen && { frozen: training.frozen }),
    data: training.data,
    fromStep: step,
    steps: Math.min(TOLERANCE.steps, rows),
    seed: request.seed,
    learningRate: request.learningRate,
    commitEvery: TOLERANCE.steps,
  }
}

/** How far the change of the state is from the recorded one, where the state after these very steps is recorded. */
async function updateApart(
  { bundle: { record }, blobs }: ReplayInit,
  { state, fromStep, steps }: TrainShard,
  found: BlobRef,
): Promise<number | undefined> {
  const { last } = statesOf(record.parts, record.request)
  if (!last || last.step !== fromStep + steps || !blobs.has(last.state.blob)) return undefined
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
