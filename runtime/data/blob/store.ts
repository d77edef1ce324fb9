import type { Digest } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import type { BlobContent } from './content.ts'
import type { BlobTree } from './tree.ts'

/** Who wants a blob kept, and until when. */
export interface Pin {
  /** An account, or a job. Quotas are counted by owner. */
  readonly owner: string
  /** Wall time after which the pin is void. Default: until it is taken back. */
  readonly untilWallMs?: number
}

/** How to put or fetch a blob. */
export interface PutOptions {
  readonly signal?: AbortSignal
  /** Pinned before anything can evict it. */
  readonly pin?: Pin
}

/** The file of a blob that another process of the same user writes. */
export interface DraftFile {
  /** Absolute. Another process may see another file there, or none: see `inode`. */
  readonly path: string
  /** By which whoever opens it knows that it is this one. */
  readonly inode: number
}

/** Content that another process writes: given the file to write to, yields how many bytes are there so far, never fewer than before. */
export type WrittenElsewhere = (file: DraftFile, signal?: AbortSignal) => AsyncIterable<number>

/**
 * Immutable bytes by the root of their hash tree. What is not pinned or open may be evicted, the least recently used
 * first, to stay within the disk budget. Nothing half-written is ever visible, and a crash leaves nothing of it.
 * Adapters: a directory, and memory; one conformance suite holds them to the same behaviour.
 */
export interface BlobStore {
  /** Removes a blob that nobody pins or reads; any other stays. Throws `disk.failed`. */
  discard(root: Digest): Promise<void>
  /**
   * Keeps content; what is here already is not written again.
   * Throws `disk.budget`, `disk.full`, `blob.size`, `blob.quota`, `aborted`.
   */
  put(content: BlobContent, options?: PutOptions): Promise<BlobRef>
  /** Keeps a copy of a file. Throws as {@link put} does, and `blob.no-file`. */
  putFile(path: string, options?: PutOptions): Promise<BlobRef>
  /**
   * Keeps what another process writes into a file that is made for it: nothing is copied, and it is hashed while it is written.
   * Throws as {@link put} does, what `written` throws, `blob.torn` when the file does not hold what was told, and `blob.no-files`.
   */
  putWritten(written: WrittenElsewhere, options?: PutOptions): Promise<BlobRef>
  has(root: Digest): boolean
  /** Bytes of a blob that is here. */
  sizeOf(root: Digest): number | undefined
  /** Opens a blob for reading; it cannot be evicted until closed. Throws `blob.not-found`. */
  open(root: Digest, options?: OpenOptions): Promise<OpenBlob>
  /** The whole blob in one 8-byte-aligned buffer. Throws `blob.not-found`, `blob.corrupt`, `blob.size`. */
  readAll(root: Digest, options?: ReadAllOptions): Promise<Uint8Array>
  /**
   * A blob that arrives chunk by chunk; takes up what an earlier attempt left, after checking it again.
   * Throws `blob.busy` while another attempt at it is open, `disk.budget`, `disk.full`.
   */
  partial(tree: BlobTree): Promise<PartialBlob>
  /** A blob that is arriving now, for others to read what is here of it. */
  arriving(root: Digest): ArrivingBlob | undefined
  /** Keeps blobs from eviction, durably. Throws `blob.not-found`, `blob.quota`. */
  pin(roots: readonly Digest[], pin: Pin): Promise<void>
  /** Takes back one pin of an owner, or all of them. */
  unpin(owner: string, root?: Digest): Promise<void>
  /** Blobs an owner has pinned, and what counts against its quota. */
  pinned(owner: string): { readonly roots: readonly Digest[]; readonly sizeBytes: number }
  /** Drops unpinned, unopened blobs until `bytes` are freed or none is left; resolves to the bytes freed. */
  evict(bytes: number): Promise<number>
  /** Bytes of all blobs, unfinished ones included. */
  usage(): number
}

/** How to open a blob. */
export interface OpenOptions {
  /** Check each chunk against the root as it is read; a damaged blob is dropped. Default: `false`. */
  readonly verify?: boolean
}

/** How to read a whole blob. */
export interface ReadAllOptions extends OpenOptions {
  /** Refused above this. Default: `modelBytes`. */
  readonly maxBytes?: number
}

/** A blob open for reading. */
export interface OpenBlob {
  readonly root: Digest
  readonly sizeBytes: number
  /** Where it lies, and a read-only descriptor for an engine child; absent in a store that has no files. */
  readonly file?: { readonly path: string; readonly fd: number }
  /** `length` bytes from `offset` in a new, 8-byte-aligned buffer. Throws `blob.range`, `blob.corrupt`. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** One chunk. Throws `blob.range`, `blob.corrupt`. */
  chunk(index: number): Promise<Uint8Array>
  /** Throws `blob.corrupt`. */
  tree(): Promise<BlobTree>
  close(): Promise<void>
}

/** A blob that is arriving, as others may read it. */
export interface ArrivingBlob {
  readonly tree: BlobTree
  /** Whether a chunk is here. */
  has(index: number): boolean
  /** A chunk that is here, checked again. Throws `blob.not-found` when the blob arrives no longer: whole, or given up. */
  chunk(index: number): Promise<Uint8Array>
  /** Hears of each chunk that comes; returns a function that stops. */
  subscribe(came: (index: number) => void): () => void
}

/** A blob of which some chunks are here. */
export interface PartialBlob {
  readonly tree: BlobTree
  /** Indices of the chunks that are not here yet, ascending. */
  missing(): number[]
  /** Checks and keeps a chunk. Throws `blob.wrong-chunk`, `disk.full`. */
  write(index: number, chunk: Uint8Array): Promise<void>
  /** Makes the blob whole, once no chunk is missing. */
  commit(options?: { readonly pin?: Pin }): Promise<BlobRef>
  /** Stops for now; what is here stays for the next attempt. */
  close(): Promise<void>
  /** Stops for good. */
  discard(): Promise<void>
}
