/**
 * Blobs: immutable bytes named by the root of a tree of chunk hashes. A {@link BlobStore} keeps them within the
 * {@link DiskBudget}; {@link serveBlobs} and {@link fetchBlob} carry them between nodes, each chunk checked as it
 * arrives; {@link importModel} makes blobs of a model.
 */
export { type BlobStoreInit, directoryBlobStore, memoryBlobStore } from './blob-store.ts'
export type { BlobContent } from './content.ts'
export type { FileSystem } from './directory-files.ts'
export { DiskBudget, type DiskReservation, type DiskUser } from './disk-budget.ts'
export { fetchBlob } from './fetch.ts'
export type { CoWorkers, DroppedProvider, FetchOptions, FetchReport } from './fetch-options.ts'
export { type LazyBlob, type LazyBlobOptions, openLazyBlob } from './lazy-blob.ts'
export type { BlobMedium } from './medium.ts'
export { memoryMedium } from './memory-medium.ts'
export { importModel } from './model.ts'
export { externalDataNames } from './onnx-external.ts'
export { blobContent } from './open-blob.ts'
export type { OpenProvider } from './provider.ts'
export { type ServedStore, type ServeOptions, serveBlobs } from './serve.ts'
export { Spread } from './spread.ts'
export * from './store.ts'
export { type BlobTree, blobTree, treeOfBytes } from './tree.ts'
export { UploadTurns } from './upload-turns.ts'
