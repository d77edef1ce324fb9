/**
 * Updates of a shared model: made small for their way ({@link compressorOf}), brought together ({@link aggregate}), applied
 * ({@link outerStep}), and where in them which tensor is ({@link layoutOf}). Plain f32 arithmetic, the same bits everywhere;
 * engine children load it, so it needs nothing heavy.
 */
export { type Aggregated, type AggregateInit, aggregate, checkAggregation } from './aggregate.ts'
export type { Compressor } from './compressor.ts'
export { COMPRESSIONS, compressorOf, isSparse } from './compressors.ts'
export { layoutOf, type SharedLayout, type SharedTensor, sliceEnds } from './layout.ts'
export { outerStep } from './outer-step.ts'
export { decodeUpdate, encodeUpdate } from './update-bytes.ts'
