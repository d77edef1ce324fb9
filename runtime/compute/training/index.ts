/**
 * A shard of training, on a worker: what its steps are fed ({@link StepFeeder}), running them in an engine child
 * ({@link trainSteps}), and the state as the file that it begins and ends as.
 */
export { checkColumns, checkSymbols, type WantedColumn } from './columns.ts'
export { type MaskInit, maskOf } from './masks.ts'
export { type MeasureInit, measure } from './measure.ts'
export { fileBytes, innerFile, snapshotFile } from './replica-files.ts'
export { beginReplica, type LiveReplica, mergeRounds, type ReplicaFiles, restoreInner } from './replica-steps.ts'
export { snapshotHash } from './snapshot-check.ts'
export { type JoinedStep, joined, updateScalars } from './split-state.ts'
export { stateFile, tensorsIn } from './state-blob.ts'
export { batchSizeOf, FeedMemory, StepFeeder, type StepFeederInit, stepsPerEpoch } from './step-feed.ts'
export {
  diverged,
  type TrainedSteps,
  type TrainStepsInit,
  trainSteps,
} from './train-steps.ts'
