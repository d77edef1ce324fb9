/** Which shard goes to which device, and what happens when it does not come back: a pure machine. */
export { step } from './scheduler.ts'
export * from './state.ts'
