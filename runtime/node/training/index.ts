/**
 * Trainings from a client's side: what a researcher writes ({@link training}), the files that the node reads of it, and
 * the handle of one that runs.
 */
export * from './definition.ts'
export * from './rounds-definition.ts'
export * from './state-tensors.ts'
export * from './training.ts'
export * from './training-files.ts'
export * from './training-handle.ts'
export * from './training-round.ts'
