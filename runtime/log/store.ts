import type { Digest } from '../base/hash.ts'

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
   * Throws `log.in-use`, `log.corrupt`, `log.version`, `log.disk-full`, `log.failed`.
   */
  open(): Promise<Head>
  /**
   * Durable when it resolves. Called one at a time, with the group that follows the tail. Throws `log.fenced` when a
   * newer epoch took over, `log.disk-full` (no trace is left, the store works on), `log.failed` (it does not).
   */
  append(group: Group, options: { readonly epoch: number }): Promise<void>
  /**
   * The durable groups from the one that holds `fromSeq` to the tail at the time of the first step, in order. Bytes
   * are views. Throws `log.dropped`, `log.corrupt`, `log.version`, `log.failed`.
   */
  read(fromSeq: number): AsyncIterable<Group>
  /** Sequence number of the last durable entry. */
  tail(): number
  /** Calls `listener` with the new tail after each append; returns a function that stops it. */
  onAppend(listener: (tail: number) => void): () => void
  /** Keeps a snapshot durably; the one before it is kept too, older ones go. */
  putSnapshot(snapshot: Snapshot): Promise<void>
  /** The newest snapshot that is whole. A damaged one is passed over: it can be rebuilt from the log. */
  lastSnapshot(): Promise<Snapshot | undefined>
  /** Allows the store to forget entries before `seq`; it may keep more, and always keeps the last group. */
  dropBefore(seq: number): Promise<void>
  /** Ends the handle and frees the log for the next writer. Safe to call twice and after a failure. */
  close(): Promise<void>
}
