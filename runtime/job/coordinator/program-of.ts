import { invariant } from '../../base/index.ts'
import {
  type Checkpoint,
  isInference,
  isSweep,
  isTraining,
  type JobSpec,
  type ResultPart,
  type TrainingJob,
} from '../../protocol/index.ts'
import type { JobRecord } from '../journal/index.ts'
import {
  inference,
  type JobProgram,
  type ProgramEvent,
  type ProgramStep,
  type RoundsJob,
  rounds,
  sweep,
  type TrialReport,
  training,
} from '../programs/index.ts'
import { sweepOptions, trialReports } from './sweep-of.ts'

/** Batches read or computing at once; see `InferenceOptions.window`. */
const WINDOW = 1_024

/** A program on its way, which keeps its state to itself. */
export interface RunningProgram {
  start(nowMs: number): ProgramStep<unknown>
  hear(event: ProgramEvent, nowMs: number): ProgramStep<unknown>
  /** Of a sweep: what became of its trials, now that it is over. */
  readonly trials?: () => TrialReport[]
}

/**
 * The program that a job asks for; `parts` and `rounds` are what an earlier run came to. `wallAtZeroMs`: the wall clock when
 * the monotonic one was at 0.
 */
export function programOf(
  spec: JobSpec,
  { parts, rounds: opened = [] }: Pick<JobRecord, 'parts' | 'rounds'>,
  wallAtZeroMs: number,
): RunningProgram {
  if (isInference(spec)) return running(inference({ model: spec.model, outputs: spec.request.outputs, window: WINDOW }))
  if (isSweep(spec)) return running(sweep(sweepOptions(spec, parts)), (state) => trialReports(spec, state, true))
  invariant(isTraining(spec), `${spec.job} is a training without what it trains`)
  const { model, request } = spec
  const select = request.evaluation?.select
  const job = roundsJobOf(spec)
  if (job)
    return running(
      rounds({
        ...job,
        ...(select && { select }),
        ...(job.training.rounds.kind && { kind: job.training.rounds.kind }),
        before: { parts: [...parts].sort((a, b) => a.index - b.index), rounds: opened },
        wallAtZeroMs,
      }),
    )
  const before = checkpointsIn(parts)
  return running(training({ model, training: spec.training, request, before, ...(select && { select }) }))
}

/** What a training by rounds is made from; `undefined` for one on one worker. */
export function roundsJobOf({ model, training: spec, request }: TrainingJob): RoundsJob | undefined {
  const { rounds: layout } = spec
  const { rounds: asked, ...others } = request
  return layout && asked && { model, training: { ...spec, rounds: layout }, request: { ...others, rounds: asked } }
}

/** The checkpoints of parts, in order. */
export function checkpointsIn(parts: readonly ResultPart[]): Checkpoint[] {
  return [...parts].sort((a, b) => a.index - b.index).flatMap(({ checkpoint }) => checkpoint ?? [])
}

function running<S>(program: JobProgram<S>, trials?: (state: S) => TrialReport[]): RunningProgram {
  let state: S
  const keep = (step: ProgramStep<S>) => {
    state = step.state
    return step
  }
  return {
    start: (nowMs) => keep(program.start(nowMs)),
    hear: (event, nowMs) => keep(program.step(state, event, nowMs)),
    ...(trials && { trials: () => trials(state) }),
  }
}
