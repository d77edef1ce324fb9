import { assertNever, type Digest } from '../../../base/index.ts'
import {
  type BlobRef,
  type Checkpoint,
  type FailedTrial,
  type Selection,
  type ShardSpec,
  type SweepBudget,
  shardId,
  type TrialPart,
} from '../../../protocol/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import type { JobProgram, PartOrder, PlacedShard, ProgramEvent, ProgramStep } from '../program.ts'
import type { SweepStrategy } from './strategy.ts'
import { measureOf, newTrials, statesKept, stepsToNext, type TrialState, viewOf } from './trials.ts'

/** A part of an earlier run, as far as a sweep goes on from it. */
export interface PartBefore {
  readonly trial: TrialPart
  readonly checkpoint: Checkpoint
}

/** What a sweep is told once. */
export interface SweepOptions {
  /** Steps of each trial, should it be taken to its end. */
  readonly lengths: readonly number[]
  readonly strategy: SweepStrategy
  /** By which trials are compared. */
  readonly select: Selection
  readonly budget: SweepBudget
  /**
   * The program that takes a trial to a step, from what it came to before. It ends there with a checkpoint that was
   * measured, or earlier, when there is no point in going on.
   */
  readonly trial: (trial: number, steps: number, before: readonly Checkpoint[]) => JobProgram<unknown>
  /** What an earlier run came to, in order. */
  readonly before: readonly PartBefore[]
}

/** Where a sweep stands. */
export interface SweepState {
  readonly trials: TrialState[]
  /** The programs of trials that are at work. */
  readonly running: Map<number, RunningTrial>
  /** Whose the shards under way are: trials that come to the same work share it. */
  readonly owners: Map<Digest, Set<number>>
  /** States of checkpoints that were not let go. */
  readonly held: Map<Digest, BlobRef>
  /** How often a trial was begun, or taken further. */
  begun: number
  /** Steps of all that was begun. */
  planned: number
  parts: number
  /** Trials that are at work at once: as many as the workers have slots. */
  room: number
  workers: Extract<ProgramEvent, { type: 'workers' }> | undefined
  /** Workers that it may have at once, where that was said after the beginning. */
  scaled: number | undefined
  /** Failures that no part has told yet. */
  failed: FailedTrial[]
  lastFailure: { readonly shard: Digest; readonly failures: readonly ShardFailure[] } | undefined
  /** The budget is used up: nothing is begun any more. */
  isClosed: boolean
  /** When it began, as if it had never been interrupted. Monotonic ms. */
  startedMs: number
}

interface RunningTrial {
  readonly program: JobProgram<unknown>
  state: unknown
  wakeAtMs: number | undefined
}

/** What becomes of an event: collected from the programs of trials. */
interface Collected {
  readonly shards: ShardSpec[]
  readonly placed: PlacedShard[]
  readonly cancel: Digest[]
  readonly parts: PartOrder[]
  readonly release: Digest[]
}

/**
 * A sweep: a program of programs. Trials are trainings of their own, as many at once as there are slots for; a strategy says
 * which is begun, or taken to its next rung, when there is room. A trial at a rung is nothing but its checkpoints, and goes on
 * from them as a training that is resumed does. One that fails is a row of the result, and not the end of the sweep.
 */
export function sweep(options: SweepOptions): JobProgram<SweepState> {
  return {
    start(nowMs) {
      const state = resumed(options, nowMs)
      const out = collected()
      for (const [index, trial] of state.trials.entries())
        if (trial.state === 'running') run(options, state, index, out, nowMs)
      return answer(options, state, out, nowMs)
    },
    step(state, event, nowMs) {
      const out = collected()
      hear(options, state, event, out, nowMs)
      return answer(options, state, out, nowMs)
    },
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

/** One trial is begun even where nobody is: it says why it waits. */
function makeRoom(state: SweepState): void {
  const slots = (state.workers?.workers ?? []).map((worker) => worker.slots).sort((a, b) => b - a)
  state.room = Math.max(1, sum(slots.slice(0, state.scaled)))
}

function collected(): Collected {
  return { shards: [], placed: [], cancel: [], parts: [], release: [] }
}

/** The state that the parts of an earlier run lead to: what was begun then is begun now. */
function resumed(options: SweepOptions, nowMs: number): SweepState {
  const { lengths, strategy, before } = options
  const state: SweepState = {
    trials: newTrials(lengths, strategy),
    running: new Map(),
    owners: new Map(),
    held: new Map(),
    ...{ begun: 0, planned: 0, parts: before.length, room: 1 },
    ...{ workers: undefined, scaled: undefined, failed: [], lastFailure: undefined, isClosed: false },
    startedMs: nowMs - (before.at(-1)?.trial.elapsedMs ?? 0),
  }
  const beginUntil = (begun: number) => {
    while (state.begun < begun) {
      const next = candidate(options, state)
      if (next === undefined) return
      begin(state, next)
    }
  }
  for (const { trial: told, checkpoint } of before) {
    for (const { trial, begun, code, message } of told.failed ?? []) {
      beginUntil(begun)
      fail(state.trials[trial]!, { code, message })
    }
    beginUntil(told.begun)
    take(state, told.trial, checkpoint)
    const trial = state.trials[told.trial]!
    const { done } = programOf(options, state, told.trial).start(nowMs)
    if (done) reach(options, trial)
  }
  letGo(options, state) // it was told before
  return state
}

function hear(options: SweepOptions, state: SweepState, event: ProgramEvent, out: Collected, nowMs: number): void {
  switch (event.type) {
    case 'accepted':
    case 'retracted': {
      const owners = state.owners.get(event.shard) ?? []
      state.owners.delete(event.shard) // a program that wants it anew emits it again
      for (const index of owners) tell(options, state, index, event, out, nowMs)
      return
    }
    case 'result':
    case 'partial':
      for (const index of state.owners.get(event.shard) ?? []) tell(options, state, index, event, out, nowMs)
      return
    case 'poison': {
      const owners = state.owners.get(event.shard) ?? []
      state.owners.delete(event.shard)
      state.lastFailure = { shard: event.shard, failures: event.failures }
      for (const index of owners) failRunning(state, index, event.failures, out)
      return
    }
    case 'workers':
      state.workers = event
      makeRoom(state)
      for (const index of [...state.running.keys()]) tell(options, state, index, event, out, nowMs)
      return
    case 'scaled':
      state.scaled = event.workers
      makeRoom(state)
      return
    case 'time':
      for (const [index, { wakeAtMs }] of [...state.running])
        if (wakeAtMs !== undefined && wakeAtMs <= nowMs) tell(options, state, index, event, out, nowMs)
      return
    case 'batch': // a sweep reads no source
    case 'source-ended':
      return
    default:
      assertNever(event)
  }
}

/** Begins what there is room for, and says what has changed. */
function answer(options: SweepOptions, state: SweepState, out: Collected, nowMs: number): ProgramStep<SweepState> {
  const endMs = options.budget.ms === undefined ? Number.POSITIVE_INFINITY : state.startedMs + options.budget.ms
  if (nowMs >= endMs) close(state, out)
  for (let next = candidate(options, state); next !== undefined; next = candidate(options, state)) {
    if (state.running.size >= state.room) break
    begin(state, next)
    run(options, state, next, out, nowMs)
  }
  const wakes = [endMs, ...[...state.running.values()].flatMap(({ wakeAtMs }) => wakeAtMs ?? [])]
  const wakeAtMs = Math.min(...wakes)
  const isOver = state.running.size === 0 && candidate(options, state) === undefined
  return {
    state,
    ...out,
    pull: 0,
    forget: letGo(options, state),
    sweep: viewOf(state.trials, options.select),
    ...(Number.isFinite(wakeAtMs) && { wakeAtMs }),
    ...(isOver && { done: endOf(state) }),
  }
}

/** The trial that is begun next, should there be room. */
function candidate({ strategy, budget }: SweepOptions, state: SweepState): number | undefined {
  if (state.isClosed) return undefined
  const next = strategy.next(state.trials)
  if (next === undefined || budget.steps === undefined) return next
  return state.planned + stepsToNext(state.trials[next]!) > budget.steps ? undefined : next
}

function begin(state: SweepState, index: number): void {
  const trial = state.trials[index]!
  state.begun++
  state.planned += stepsToNext(trial)
  trial.state = 'running'
}

/** Starts the program of a trial that was begun. */
function run(options: SweepOptions, state: SweepState, index: number, out: Collected, nowMs: number): void {
  const program = programOf(options, state, index)
  const step = program.start(nowMs)
  state.running.set(index, { program, state: step.state, wakeAtMs: undefined })
  collect(options, state, index, step, out, nowMs)
  if (state.workers) tell(options, state, index, state.workers, out, nowMs)
}

function programOf(options: SweepOptions, { trials }: SweepState, index: number): JobProgram<unknown> {
  const { rungs, reached, checkpoints } = trials[index]!
  return options.trial(index, rungs[reached.length]!, checkpoints)
}

function tell(
  options: SweepOptions,
  state: SweepState,
  index: number,
  event: ProgramEvent,
  out: Collected,
  nowMs: number,
): void {
  const running = state.running.get(index)
  if (!running) return
  const step = running.program.step(running.state, event, nowMs)
  running.state = step.state
  collect(options, state, index, step, out, nowMs)
}

/** Takes up what the program of a trial answered. */
function collect(
  options: SweepOptions,
  state: SweepState,
  index: number,
  step: ProgramStep<unknown>,
  out: Collected,
  nowMs: number,
): void {
  const trial = state.trials[index]!
  const running = state.running.get(index)!
  running.wakeAtMs = step.wakeAtMs ?? running.wakeAtMs
  out.shards.push(...step.shards.filter((spec) => own(state, shardId(spec), index)))
  out.placed.push(...(step.placed ?? []).filter(({ shard }) => own(state, shardId(shard), index)))
  disown(state, step.cancel, index, out)
  out.release.push(...(step.release ?? []))
  for (const { checkpoint, ...order } of step.parts) {
    const told: TrialPart = {
      trial: index,
      begun: state.begun,
      elapsedMs: Math.floor(nowMs - state.startedMs),
      ...(state.failed.length > 0 && { failed: state.failed }),
    }
    state.failed = []
    out.parts.push({ ...order, index: state.parts++, ...(checkpoint && { checkpoint }), trial: told })
    if (checkpoint) take(state, index, checkpoint)
  }
  if (!step.done) return
  state.running.delete(index)
  if (step.done.ok) reach(options, trial)
  else {
    state.lastFailure = { shard: step.done.shard, failures: step.done.failures }
    note(state, index, step.done.failures)
  }
}

/** Whether the shard is new; it is the trial's from now on. */
function own({ owners }: SweepState, shard: Digest, index: number): boolean {
  const known = owners.get(shard)
  owners.set(shard, (known ?? new Set()).add(index))
  return known === undefined
}

/** Calls shards off that no other trial wants. */
function disown({ owners }: SweepState, shards: readonly Digest[], index: number, out: Collected): void {
  for (const shard of shards) {
    const mine = owners.get(shard)
    if (!mine?.delete(index) || mine.size > 0) continue
    owners.delete(shard)
    out.cancel.push(shard)
  }
}

function take(state: SweepState, index: number, checkpoint: Checkpoint): void {
  state.trials[index]!.checkpoints.push(checkpoint)
  state.held.set(checkpoint.state.blob, checkpoint.state)
}

/** A trial's program has ended: it has reached its next rung, or there is no point in going on. */
function reach({ select }: SweepOptions, trial: TrialState): void {
  const at = trial.rungs[trial.reached.length]!
  trial.reached.push(measureOf(trial, select))
  const hasEnded = trial.reached.length === trial.rungs.length || (trial.checkpoints.at(-1)?.step ?? 0) < at
  trial.state = hasEnded ? 'done' : 'paused'
}

function failRunning(state: SweepState, index: number, failures: readonly ShardFailure[], out: Collected): void {
  if (!state.running.delete(index)) return
  disown(state, [...state.owners.keys()], index, out)
  note(state, index, failures)
}

/** A trial has failed, for the journal too. */
function note(state: SweepState, index: number, failures: readonly ShardFailure[]): void {
  const { code = 'sweep.trial-failed', message = 'no worker could compute it' } = failures[0] ?? {}
  const failure = { code: code.slice(0, 64), message: message.slice(0, 1024) }
  state.failed.push({ trial: index, begun: state.begun, ...failure })
  fail(state.trials[index]!, failure)
}

function fail(trial: TrialState, failure: NonNullable<TrialState['failure']>): void {
  trial.reached.push(undefined)
  trial.state = 'failed'
  trial.failure = failure
}

/** The time is up: what is under way is called off, and stays where it was. */
function close(state: SweepState, out: Collected): void {
  state.isClosed = true
  out.shards.length = 0 // an answer to this very event, which nobody has heard of
  out.placed.length = 0
  out.cancel.push(...state.owners.keys())
  state.owners.clear()
  for (const index of state.running.keys()) state.trials[index]!.state = 'paused'
  state.running.clear()
}

/** States that nothing goes on from any more. */
function letGo({ select }: SweepOptions, { trials, held }: SweepState): BlobRef[] {
  const kept = statesKept(trials, select)
  const gone = [...held.values()].filter(({ blob }) => !kept.has(blob))
  for (const { blob } of gone) held.delete(blob)
  return gone
}

/** A sweep all of whose trials failed has failed, of what the last one did. */
function endOf({ trials, lastFailure }: SweepState): NonNullable<ProgramStep<unknown>['done']> {
  const begun = trials.filter(({ state }) => state !== 'waiting')
  const isFailed = begun.length > 0 && begun.every(({ state }) => state === 'failed')
  return isFailed && lastFailure ? { ok: false, ...lastFailure } : { ok: true }
}
