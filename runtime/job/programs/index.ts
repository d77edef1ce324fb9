/** What jobs do, as pure machines: each program emits shards and says what becomes of their results. */
export * from './inference.ts'
export * from './program.ts'
export * from './rounds/index.ts'
export * from './sweep/index.ts'
export * from './training.ts'
