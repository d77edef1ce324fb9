/**
 * Jobs that outlive their coordinator: nodes of an account copy each other's job journals while they are connected, and
 * one of them may adopt a job, which raises its epoch and fences the node that coordinated it before.
 */
export * from './account-proofs.ts'
export { Adopter, type AdopterInit, type AdoptRequest } from './adopter.ts'
export type { FollowedJob } from './followed-journal.ts'
export * from './followed-journals.ts'
export * from './follower.ts'
export * from './journal-desk.ts'
