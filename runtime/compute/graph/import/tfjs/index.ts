/** Models written with TensorFlow.js' layers: their topology and weights as a network that can be trained. */
export type { TfjsArtifacts, TfjsModel, TfjsSaved } from './artifacts.ts'
export * from './imported-tfjs.ts'
export * from './training-config.ts'
export type { ImportedWeight, Penalty, TfjsWeight } from './weights.ts'
