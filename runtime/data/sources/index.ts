/** Where rows come from and where results go: loaders that give batches for a graph, and the parts of a result. */
export { openSource } from './open-source.ts'
export { type Part, readPart, readParts, type WrittenPart, writeParts } from './parts.ts'
export * from './signature.ts'
export type { Batch, Source, SourceFormat, SourceOptions } from './source.ts'
