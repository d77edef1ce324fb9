/**
 * Where rows come from and where results go: loaders that give batches for a graph, the parts of a result, and data
 * sets that a manifest describes.
 */
export { type Dataset, type OpenDatasetOptions, openDataset } from './dataset.ts'
export * from './dataset-manifest.ts'
export { openSource } from './open-source.ts'
export { type Part, readPart, readParts, type WrittenPart, writeParts } from './parts.ts'
export * from './signature.ts'
export type { Batch, ColumnChoice, Source, SourceFormat, SourceOptions } from './source.ts'
export { encodeSource } from './source-rows.ts'
export { writeRows } from './write-rows.ts'
