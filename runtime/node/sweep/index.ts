/** Sweeps from a client's side: what a researcher writes ({@link sweep}), its files, and the handle of one that runs. */
export * from './definition.ts'
export * from './search.ts'
export { choice, type Dimension, integer, logUniform, type ParametersOf, type Space, uniform } from './space.ts'
export * from './sweep-files.ts'
export * from './sweep-handle.ts'
