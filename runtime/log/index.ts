/**
 * The one durable log: entries numbered from 1, written in groups that are checksummed and chained by hash, by one
 * writer at a time that holds an epoch. Journals and the ledger are such logs; everything else that a node knows can
 * be rebuilt from them.
 */
export { type Disk, type DiskFile, systemDisk } from './disk.ts'
export { type FileStoreInit, fileLogStore } from './file-store.ts'
export { groupEntries, groupHash, groupsIn, isSigned, isSignedBy, NO_HASH } from './frame.ts'
export { type Log, type LogAppendOptions, type LogEntry, type LogInit, openLog } from './log.ts'
export type { LogKey } from './log-key.ts'
export { type MemoryLogHome, memoryLogHome, memoryLogStore } from './memory-store.ts'
export { type ScrubOptions, scrub } from './scrub.ts'
export type { Group, Head, LogStore, OpenOptions, SeenEntry, Snapshot } from './store.ts'
