import type { Digest } from '../../base/index.ts'
import type { DraftFile } from './store.ts'
import type { BlobTree } from './tree.ts'

/** A blob as a medium holds it. */
export interface StoredBlob {
  readonly root: Digest
  readonly sizeBytes: number
}

/**
 * Where the bytes of a store lie. Names, pins, budget and checking are the store's business ({@link ./blob-store.ts});
 * a medium keeps bytes and makes them durable. Failures come as `disk.full` or `disk.failed`.
 */
export interface BlobMedium {
  /** Removes what a crash left half-written and tells what is there, the least recently used first. */
  scan(): Promise<{ readonly blobs: StoredBlob[]; readonly partials: StoredBlob[]; readonly pins: Uint8Array[] }>
  /** Begins a new blob. */
  draft(): Promise<BlobDraft>
  /** Begins a new blob that another process writes. Absent: this medium has no files. */
  sharedDraft?(): Promise<SharedDraft>
  /** Begins a blob whose chunks come in any order, or takes up one begun earlier. */
  partial(root: Digest, sizeBytes: number): Promise<PartialDraft>
  /** Resolves to `undefined` when there is no such blob. */
  open(root: Digest): Promise<BlobFile | undefined>
  /** The chunk digests that {@link BlobDraft.commit} was given, packed; empty when they were not kept. */
  digests(root: Digest): Promise<Uint8Array>
  /** Notes that a blob was used now, for the order of {@link scan}. */
  touch(root: Digest, nowWallMs: number): Promise<void>
  remove(root: Digest): Promise<void>
  removePartial(root: Digest): Promise<void>
  /** Replaces the pins that an owner has, at once; removes them when `bytes` is absent. Absent: pins end with the process. */
  savePins?(ownerDigest: Digest, bytes?: Uint8Array): Promise<void>
}

/** A blob being written. */
export interface BlobDraft {
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** Makes it durable and visible under its root, or not at all. */
  commit(tree: BlobTree): Promise<void>
  /** Leaves nothing of it; never fails. */
  discard(): Promise<void>
}

/** A blob that another process of the same user writes. Its file is opened once, when it is made, so that no other is ever read in its place. */
export interface SharedDraft extends Pick<BlobDraft, 'commit' | 'discard'> {
  readonly file: DraftFile
  /** Bytes that are in it now. */
  sizeBytes(): Promise<number>
  /** Fills `room` from `offset` on, as far as there are bytes; resolves to how many there were. */
  read(offset: number, room: Uint8Array): Promise<number>
  /** Has what was written so far go to the disk, so that less is left to do at {@link commit}. */
  flush(): Promise<void>
}

/** A blob whose chunks arrive in any order. */
export interface PartialDraft extends BlobDraft {
  /** Chunks noted by {@link mark} in earlier attempts; after a power cut some may be damaged. */
  readonly marked: readonly number[]
  read(offset: number, length: number): Promise<Uint8Array>
  mark(chunk: number): Promise<void>
  close(): Promise<void>
}

/** A blob being read. */
export interface BlobFile {
  readonly file?: { readonly path: string; readonly fd: number }
  /** Exactly these bytes in a new, 8-byte-aligned buffer, or fewer when the medium has lost some. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}
