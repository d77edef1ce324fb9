/** What a model says of itself before anything runs it: the scan of an untrusted file, and its inputs and outputs. */
export { checkFinite } from './finite.ts'
export type { ScanReason } from './refusal.ts'
export { type ModelReport, type ScanOptions, scanModel } from './scan.ts'
export type { WeightSizes } from './tensor-scan.ts'
export { checkInputs, describe, type TensorSpec } from './tensor-spec.ts'
