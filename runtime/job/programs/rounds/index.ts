/** Training by rounds: many replicas of one model, kept together by what each of them learned, as a pure machine. */
export * from './choose-recipe.ts'
export * from './default-recipe.ts'
export * from './history.ts'
export { quorumOf } from './members.ts'
export * from './options.ts'
export * from './rounds.ts'
export * from './shards.ts'
export type { RoundsState } from './state.ts'
