import type { Digest } from '../base/hash.ts'
import type { LogKey } from './log-key.ts'

/**
 * The unit of durability: entries that were sealed together, chained to the group before by its hash. Either all of
 * a group survives a crash or none of it.
 */
export interface Group {
  /** Sequence number of its first entry; the next group starts at `firstSeq + count`. The first entry ever is 1. */
  readonly firstSeq: number
  readonly count: number
  /** Epoch of the writer that sealed it. */
  readonly epoch: number
  /** When it was sealed, ms since the Unix epoch. */
  readonly wallMs: number
  readonly previousHash: Digest
  /** The sealed bytes ({@link ./frame.ts}): what a store keeps and hands back unchanged. */
  readonly frame: Uint8Array
}

/** Where a log stands after it was taken over. */
export interface Head {
  /** The epoch this writer holds, durably higher than every one before. */
  readonly epoch: number
  /** Sequence number of the last durable entry; 0 when there is none. */
  readonly tail: number
  /** Hash of the last durable group; zeros when there is none. */
  readonly hash: Digest
  /** Bytes of an unfinished, never acknowledged group that a crash had left and that were cut. */
  readonly cutBytes: number
}

/** An entry that is known to have been durable once: a log that ends before it has lost something. */
export interface SeenEntry {
  readonly seq: number
  /** Hash of the group that ends with it, when known. */
  readonly hash?: Digest
  /** Who knows, for the error message: "node abc". */
  readonly by: string
}

/** What a log is opened with. */
export interface OpenOptions {
  /** Signs snapshots here, and tells groups of this log from bytes that imitate one. */
  readonly key?: LogKey
  /** The log is not opened below this entry. */
  readonly seen?: SeenEntry
  /** The epoch becomes this at least: what outranks a writer that has a copy of the log elsewhere. Default: 1. */
  readonly minEpoch?: number
}

/** How a group is appended. */
export interface AppendOptions {
  /** The writer's; an older one is fenced. */
  readonly epoch: number
  /** May take the space that is set aside for when the disk is full. */
  readonly reserved?: boolean
}

/** State as of an entry, from which a reader goes on with `seq + 1`. */
export interface Snapshot {
  readonly seq: number
  readonly bytes: Uint8Array
}

/**
 * The port between a log and its home: one writer's handle. Positions are sequence numbers, never byte offsets, so
 * that a table of groups in a database can be a home as well as a directory. Adapters: {@link ./file-store.ts},
 * {@link ./memory-store.ts}; one conformance suite holds them to the same behaviour.
 */
export interface LogStore {
  /**
   * Takes the log over: raises the epoch durably, then finds the tail. Called once, before anything else.
   * Throws `log.in-use`, `log.corrupt`, `log.rolled-back`, `log.version`, `log.disk-full`, `log.failed`.
   */
  open(options?: OpenOptions): Promise<Head>
  /**
   * Durable when it resolves. Called one at a time, with the group that follows the tail. Throws `log.fenced` when a
   * newer epoch took over, `log.disk-full` (no trace is left, the store works on), `log.failed` (it does not).
   */
  append(group: Group, options: AppendOptions): Promise<void>
  /**
   * The durable groups from the one that holds `fromSeq` to the tail at the time of the first step, in order. Bytes
   * are views. Throws `log.dropped`, `log.corrupt`, `log.version`, `log.failed`.
   */
  read(fromSeq: number): AsyncIterable<Group>
  /** Sequence number of the last durable entry. */
  tail(): number
  /** Sequence number of the oldest entry that can be read; the one after {@link tail} when there is none. */
  first(): number
  /** Calls `listener` with the new tail after each append; returns a function that stops it. */
  onAppend(listener: (tail: number) => void): () => void
  /** Keeps a snapshot durably; the one before it is kept too, older ones go. */
  putSnapshot(snapshot: Snapshot): Promise<void>
  /** The newest snapshot that is whole. A damaged one is passed over: it can be rebuilt from the log. */
  lastSnapshot(): Promise<Snapshot | undefined>
  /**
   * Allows the store to forget entries before `seq`. It may keep more, and always keeps the last group and what follows
   * the older of its two snapshots: should the newer be damaged, a reader goes on from there.
   */
  dropBefore(seq: number): Promise<void>
  /** Ends the handle and frees the log for the next writer. Safe to call twice and after a failure. */
  close(): Promise<void>
}
