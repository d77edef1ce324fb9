import { AividaError, aborted, type Clock, type Digest } from '../../base/index.ts'
import type { RowTable } from '../../data/rows/index.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import type { TrainingProgress, TrainShard } from '../../protocol/index.ts'
import { AHEAD, type ChildSession, type ChildTraining, type Stepped } from '../engine/index.ts'
import type { StepSignature } from '../graph/training/step-signature.ts'
import { measure } from './measure.ts'
import { type FeedMemory, StepFeeder } from './step-feed.ts'
import { StepPlan } from './step-plan.ts'

/** What {@link trainSteps} works on. */
export interface TrainStepsInit {
  readonly clock: Pick<Clock, 'monoMs'>
  readonly shard: TrainShard
  readonly signature: StepSignature
  /** The state that the shard begins with is in it. */
  readonly training: ChildTraining
  readonly table: RowTable
  /** See `StepFeederInit.memory`. */
  readonly memory?: FeedMemory
  /** What the shard's evaluation names, where it has one. */
  readonly evaluation?: { readonly model: ChildSession; readonly table: RowTable }
  readonly signal?: AbortSignal
  /** Ends the steps as soon as those under way are done; unlike `signal` it leaves the child alive, and the training of use. */
  readonly calledOff?: AbortSignal
  /** Hears how far it has come. */
  readonly onSteps?: (progress: TrainingProgress) => void
}

/** What the steps of a shard gave, beside the state. */
export interface TrainedSteps {
  /**
   * A row for each step: `step [n] i64` counted from 1, `learningRate [n] f32`, each metric `[n] f32`; each scalar of the
   * evaluation as `validation.NAME [n] f32`, NaN but in the last row. Of a replica `member [n] i64` too; one without steps
   * has a single row of `step`, the batches that counted, and its evaluation. The same wherever it is computed.
   */
  readonly metrics: NamedTensors
  readonly commitments: readonly Digest[]
}

/**
 * Steps that go to the child together take about this long: long enough that the way there does not count on a machine
 * whose cores are all computing, short enough that those under way end soon after they are called off. Ms.
 */
const GROUP_MS = 100

/**
 * Runs the steps of a shard, its batches made while the child computes. Throws `train.diverged` when the loss is no
 * number, `engine.*`, and what gathering rows throws; the training is then of no further use.
 */
export async function trainSteps(init: TrainStepsInit): Promise<TrainedSteps> {
  const { clock, shard, signature, training, table, evaluation, signal, onSteps } = init
  const { fromStep, steps } = shard
  const plan = new StepPlan(shard)
  const feeder = new StepFeeder({ shard, signature, table, ahead: AHEAD, memory: init.memory })
  const columns = signature.metrics.map(() => new Float32Array(steps))
  const commitments: Digest[] = []
  const batchRows = signature.batch[0]!.shape[0]!
  let [done, beforeMs] = [0, clock.monoMs()]
  const onStepped = ({ metrics, commitment }: Stepped) => {
    for (const values of metrics) {
      for (const [i, column] of columns.entries()) column[done] = values[i]!
      const loss = values[signature.metrics.indexOf('loss')] ?? values[0]!
      if (!Number.isFinite(loss)) throw diverged(fromStep + done, loss, plan.rateAt(done))
      done++
    }
    if (commitment !== undefined) commitments.push(commitment)
    const nowMs = clock.monoMs()
    const stepMs = Math.max(1e-3, (nowMs - beforeMs) / metrics.length)
    beforeMs = nowMs
    feeder.memory.groupSteps = Math.floor(GROUP_MS / stepMs)
    onSteps?.({
      step: fromStep + done,
      metrics: Object.fromEntries(
        signature.metrics
          .map((name, i): [string, number] => [name, columns[i]![done - 1]!])
          .filter(([, value]) => Number.isFinite(value)),
      ),
      rowsPerSecond: (batchRows * 1000) / stepMs,
    })
  }
  await training.run(until(init.calledOff, feeder.groups()), { ...(signal && { signal }), onStepped })
  const measured =
    shard.evaluation && evaluation
      ? await measure({ evaluation: shard.evaluation, ...evaluation, training, signal })
      : {}
  const rows = steps === 0 ? [Math.round(shard.replica?.position ?? fromStep)] : range(steps, (i) => fromStep + i + 1)
  return {
    commitments,
    metrics: {
      step: int64(rows),
      ...(steps > 0 && {
        ...(shard.replica && { member: int64(range(steps, () => shard.replica!.member)) }),
        learningRate: float32(range(steps, (at) => plan.rateAt(at))),
        ...Object.fromEntries(signature.metrics.map((name, i) => [name, float32(columns[i]!)])),
      }),
      ...Object.fromEntries(
        Object.entries(measured).map(([name, value]) => [
          `validation.${name}`,
          float32(range(rows.length, (i) => (i === rows.length - 1 ? value : Number.NaN))),
        ]),
      ),
    },
  }
}

async function* until<T>(calledOff: AbortSignal | undefined, groups: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  for await (const group of groups) {
    if (calledOff?.aborted) throw aborted(undefined, calledOff.reason)
    yield group
  }
}

/**
 * `train.diverged`: the loss of a step is no number, at this learning rate. `step` 0 is the first: before it nothing was learnt, so
 * that its loss says more of the rows than of the rate.
 */
export function diverged(step: number, loss: number, rate: number): AividaError {
  const first = step === 0 ? 'look whether the rows hold NaN or infinite numbers, scale large ones; or ' : ''
  return new AividaError({
    code: 'train.diverged',
    category: 'user',
    message: `the loss of step ${step + 1} is ${loss}, at a learning rate of ${Number(rate.toPrecision(4))}; ${first}lower it, warm it up, or clip the gradient`,
    facts: { step: step + 1, loss: String(loss), learningRate: rate },
  })
}

function range(length: number, at: (i: number) => number): number[] {
  return Array.from({ length }, (_, i) => at(i))
}

function float32(values: ArrayLike<number>) {
  const data = new Uint8Array(Float32Array.from(values).buffer)
  return { dtype: 'float32', shape: [values.length], data } as const
}

function int64(values: readonly number[]) {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
  return { dtype: 'int64', shape: [values.length], data } as const
}
