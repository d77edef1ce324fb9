/** The record of a job: told as a report, packed as a bundle; done again and compared in `replay-bundle.ts`, which needs engines. */
export { BUNDLE_VERSION, type BundleManifest, decodeManifest, encodeManifest } from './bundle-manifest.ts'
export { type Content, contentsOf, isTrainingRecord, type TrainingRecord } from './contents.ts'
export { type OpenBundleOptions, type OpenedBundle, openBundle } from './open-bundle.ts'
export { RecordDesk, type RecordDeskInit } from './record-desk.ts'
export { reportOf } from './report/index.ts'
export { type Difference, type SpotCheck, type TensorDifference, TOLERANCE, type Verdict } from './verdict.ts'
export { type WorkerFigures, workerFigures } from './worker-figures.ts'
