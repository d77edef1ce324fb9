import { userError } from '../../base/index.ts'
import { type ProgramStep, progressOf, type TrainingState, training } from '../../job/programs/index.ts'
import { type ResultPart, shardId } from '../../protocol/index.ts'
import { statesOf, type TrainingRecord } from './contents.ts'
import { roundsContradiction, roundsJobOf } from './rounds-gaps.ts'
import type { Difference } from './verdict.ts'

/**
 * Where a record contradicts itself: a part that its program would not have made, or an end that it would not have come to.
 * Nothing is computed for it. What is left to a replay is then whether each part came to what is recorded, and each part is
 * one that the replay gets to: none is passed over in silence. `undefined`: nowhere. Why a member did not count is its
 * submitter's word, which nobody can check; that nobody is missing among those can be.
 */
export function contradictionOf(record: TrainingRecord): Difference | undefined {
  const rounds = roundsJobOf(record)
  return (rounds ? roundsContradiction(record, rounds) : chainContradiction(record)) ?? endContradiction(record)
}

/** What a record lacks that does not contradict itself, for people: its training was not over, or it is not told who computed. */
export function lackOf({ state, parts, training }: TrainingRecord): string | undefined {
  if (state !== 'done') {
    const { last } = statesOf(parts, {})
    return `the training was ${state} when it was recorded: ${last?.step ?? 0} of ${training.steps} steps led to a recorded state`
  }
  const unsigned = parts.find(({ computedBy }) => !computedBy || computedBy.length === 0)
  if (unsigned) return `it does not tell who computed part ${unsigned.index}, nor what they had committed to`
  const every = training.evaluation?.everySteps
  const checkpoints = parts.flatMap(({ checkpoint }) => checkpoint ?? [])
  const unmeasured = checkpoints.find(({ step, validation }, i) => {
    const before = checkpoints[i - 1]?.step ?? 0
    return every !== undefined && !validation && Math.floor(step / every) > Math.floor(before / every)
  })
  return unmeasured && `the state after ${unmeasured.step} steps was to be measured, and was not`
}

/** A record of which nothing counts. */
export function emptyRecord({ job }: TrainingRecord) {
  return userError('bundle.empty', `${job} had come to nothing when the bundle was made: there is nothing to compare`)
}

/** The program that made the shards of a chain, as the record tells it. */
export function programOf({ model, training: spec, request }: TrainingRecord) {
  const select = request.evaluation?.select
  return training({ model, training: spec, request, before: [], ...(select && { select }) })
}

function chainContradiction(record: TrainingRecord): Difference | undefined {
  const program = programOf(record)
  let step: ProgramStep<TrainingState> = program.start()
  for (const part of record.parts) {
    const [shard] = step.shards
    const id = shard && shardId(shard)
    const at = { part: part.index }
    if (shard?.kind !== 'train' || id !== part.shard)
      return { what: 'shard', ...at, expected: part.shard, found: id ?? 'the end of the training' }
    const { checkpoint } = part
    const told = `${part.rows} steps from ${part.firstRow} on, a state after ${checkpoint?.step ?? 'none'}`
    const made = `${shard.steps} steps from ${shard.fromStep} on, a state after ${shard.fromStep + shard.steps}`
    if (!checkpoint || told !== made) return { what: 'record', ...at, expected: told, found: made }
    if ((shard.evaluation !== undefined) !== (checkpoint.validation !== undefined))
      return { what: 'record', ...at, ...measured(checkpoint.validation !== undefined) }
    const unsigned = signedBy(part, 1)
    if (unsigned) return unsigned
    const receipt = { worker: '', computeMs: 0 }
    const event = { type: 'accepted', shard: id, outputs: checkpoint.state, trained: checkpoint, receipt } as const
    step = program.step(step.state, event)
  }
  return undefined
}

/** A training that was done has made all of its steps, or has got no better for too long; what it came to is measured. */
function endContradiction({ state, parts, training: spec, request }: TrainingRecord): Difference | undefined {
  if (state !== 'done') return undefined
  const select = request.evaluation?.select
  const checkpoints = parts.flatMap(({ checkpoint }) => checkpoint ?? [])
  const { last, sinceBest } = progressOf(checkpoints, select)
  const part = parts.findLast(({ checkpoint }) => checkpoint)?.index ?? 0
  const isPatient = select?.patience === undefined || sinceBest < select.patience
  if (isPatient && last?.step !== spec.steps)
    return {
      ...{ what: 'record', part },
      ...{ expected: `done after ${spec.steps} steps`, found: `a last state after ${last?.step ?? 0}` },
    }
  if (spec.evaluation && !last?.validation) return { what: 'record', part, ...measured(false) }
  return undefined
}

/** Who computed a part, where that is told, computed `shards` of it. */
export function signedBy({ index, computedBy }: ResultPart, shards: number): Difference | undefined {
  if (!computedBy || computedBy.length === 0) return undefined // told by `lackOf`
  const told = computedBy.reduce((sum, by) => sum + by.shards, 0)
  if (told === shards) return undefined
  return { what: 'record', part: index, expected: `who computed ${told} shards`, found: `${shards} shards` }
}

function measured(isRecorded: boolean): Pick<Difference, 'expected' | 'found'> {
  const [yes, no] = ['a state that was measured', 'a state that was not measured']
  return isRecorded ? { expected: yes, found: no } : { expected: no, found: yes }
}
