/** The submitter's side of a job: from its program's shards to committed parts. */
export type { OrderedPart, Piece } from './commits.ts'
export * from './coordinator.ts'
export { jobUnknown, noteAdoption } from './giving-up.ts'
export type { GivenUp } from './job-end.ts'
export { newJobId } from './job-id.ts'
export { statusOfRecord } from './job-status.ts'
export * from './ports.ts'
export { VALIDATION } from './trained-results.ts'
