import { assertNever, type Digest } from '../../base/index.ts'
import {
  type BlobRef,
  type Checkpoint,
  type ModelRef,
  type Selection,
  shardId,
  type TrainingSpec,
  type TrainRequest,
  type TrainShard,
} from '../../protocol/index.ts'
import type { PartOrder, ProgramEvent, ProgramStep, TimelessProgram } from './program.ts'

/** What a training is told once. */
export interface TrainingOptions {
  readonly model: ModelRef
  readonly training: TrainingSpec
  readonly request: Pick<TrainRequest, 'seed' | 'learningRate' | 'stepsPerShard' | 'commitEvery'>
  /** Which checkpoint is the best. Default: the last. */
  readonly select?: Selection
  /** What an earlier run came to, in order. */
  readonly before: readonly Checkpoint[]
}

/** Where a training stands. */
export interface TrainingState extends Progress {
  /** The shard under way. */
  shard: { readonly id: Digest; readonly spec: TrainShard } | undefined
  /** Shards that were done: the number of the next part. */
  shards: number
}

/** What a training has come to. */
export interface Progress {
  /** Absent before the first shard is done. */
  last: Checkpoint | undefined
  /** The best by the selection; absent without an evaluation. */
  best: Checkpoint | undefined
  /** Evaluations since the best one. */
  sinceBest: number
}

/**
 * Training as a chain: each shard takes the state that the one before it came to, and one is under way at a time. The
 * last state is kept, and the best; it ends after its last step, or when it gets no better.
 */
export function training(options: TrainingOptions): TimelessProgram<TrainingState> {
  const start = { last: undefined, best: undefined, sinceBest: 0, shard: undefined, shards: 0 }
  return {
    start() {
      const state: TrainingState = { ...start }
      for (const checkpoint of options.before) take(state, checkpoint, options.select)
      state.shards = options.before.length
      return next(options, state, {})
    },
    step: (state, event) => react(options, state, event),
  }
}

/** What a run of checkpoints comes to. */
export function progressOf(checkpoints: readonly Checkpoint[], select?: Selection): Readonly<Progress> {
  const progress: Progress = { last: undefined, best: undefined, sinceBest: 0 }
  for (const checkpoint of checkpoints) take(progress, checkpoint, select)
  return progress
}

function react(options: TrainingOptions, state: TrainingState, event: ProgramEvent): ProgramStep<TrainingState> {
  const { shard } = state
  switch (event.type) {
    case 'accepted':
      if (shard?.id !== event.shard || !event.trained) return idle(state)
      return accepted(options, state, shard.spec, { ...event, trained: event.trained })
    case 'retracted':
      return shard?.id === event.shard ? { ...idle(state), shards: [shard.spec] } : idle(state)
    case 'poison':
      return { ...idle(state), done: { ok: false, shard: event.shard, failures: event.failures } }
    case 'result': // provisional: the next shard is made from what is accepted
    case 'partial':
    case 'workers':
    case 'scaled':
    case 'time':
    case 'batch':
    case 'source-ended':
      return idle(state)
    default:
      return assertNever(event)
  }
}

function accepted(
  options: TrainingOptions,
  state: TrainingState,
  spec: TrainShard,
  { shard, outputs, trained }: { shard: Digest; outputs: BlobRef; trained: Omit<Checkpoint, 'step'> },
): ProgramStep<TrainingState> {
  const checkpoint: Checkpoint = { ...trained, step: spec.fromStep + spec.steps }
  const before = new Set([state.last, state.best])
  const part: PartOrder = {
    index: state.shards++,
    firstRow: spec.fromStep,
    rows: spec.steps,
    shard,
    outputs,
    checkpoint,
  }
  take(state, checkpoint, options.select)
  const kept = [options.training.state, state.last?.state, state.best?.state].map((ref) => ref?.blob)
  const forget = [...before].flatMap((old) => (old && !kept.includes(old.state.blob) ? [old.state] : []))
  return next(options, state, { parts: [part], forget })
}

/** Counts a checkpoint in. */
export function take(state: Progress, checkpoint: Checkpoint, select: Selection | undefined): void {
  state.last = checkpoint
  if (!select || !checkpoint.validation) return
  const better = isBetter(checkpoint, state.best, select)
  state.sinceBest = better ? 0 : state.sinceBest + 1
  if (better) state.best = checkpoint
}

/** A measurement that is no number is no better than any. */
function isBetter(
  { validation }: Checkpoint,
  best: Checkpoint | undefined,
  { metric, goal, minDelta }: Selection,
): boolean {
  const [found, known] = [validation?.[metric], best?.validation?.[metric]]
  if (found === undefined) return false
  if (known === undefined) return true
  return goal === 'min' ? found < known - minDelta : found > known + minDelta
}

/** The next shard, or the end. */
function next(
  { model, training: spec, request, select }: TrainingOptions,
  state: TrainingState,
  step: Partial<ProgramStep<TrainingState>>,
): ProgramStep<TrainingState> {
  const fromStep = state.last?.step ?? 0
  const noBetter = select?.patience !== undefined && state.sinceBest >= select.patience
  state.shard = undefined
  if (fromStep >= spec.steps || noBetter) return { ...idle(state), ...step, done: { ok: true } }
  const { seed, learningRate, stepsPerShard, commitEvery } = request
  const every = spec.evaluation?.everySteps ?? spec.steps
  const evaluateAt = Math.min(spec.steps, (Math.floor(fromStep / every) + 1) * every)
  const end = Math.min(evaluateAt, fromStep + stepsPerShard)
  const shard: TrainShard = {
    kind: 'train',
    model,
    state: state.last?.state ?? spec.state,
    ...(spec.frozen && { frozen: spec.frozen }),
    data: spec.data,
    fromStep,
    steps: end - fromStep,
    seed,
    learningRate,
    commitEvery,
    ...(end === evaluateAt && spec.evaluation && { evaluation: evaluationOf(spec.evaluation) }),
  }
  state.shard = { id: shardId(shard), spec: shard }
  return { ...idle(state), ...step, shards: [shard] }
}

function evaluationOf({ model, data, batchSize }: NonNullable<TrainingSpec['evaluation']>): TrainShard['evaluation'] {
  return { model, data, batchSize }
}

function idle(state: TrainingState): ProgramStep<TrainingState> {
  return { state, shards: [], cancel: [], parts: [], pull: 0 }
}
