import { open } from 'node:fs/promises'
import { readUpTo } from '../blob/directory-files.ts'
import type { OpenBlob } from '../blob/store.ts'
import { unreadable } from './refusals.ts'

/** Bytes that can be read from anywhere: an open file, or memory. */
export interface ByteSource {
  /** What messages call it. */
  readonly name: string
  readonly sizeBytes: number
  /** `length` bytes from `at`, fewer when it ends before; they begin at a multiple of 8 if `at` does. */
  read(at: number, length: number): Promise<Uint8Array>
  /** Lets go of the file, if it is one. */
  close(): Promise<void>
}

/** A file, open until it is closed. Throws `source.not-found`. */
export async function openBytes(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r').catch((cause) => {
    throw unreadable(path, cause)
  })
  const { size } = await handle.stat()
  return {
    name: path,
    sizeBytes: size,
    read: (at, length) => readUpTo(handle, at, Math.min(length, size - at)),
    close: () => handle.close(),
  }
}

/** A blob that is here, open until it is closed. */
export function bytesOfBlob(blob: OpenBlob): ByteSource {
  return {
    name: `blob ${blob.root}`,
    sizeBytes: blob.sizeBytes,
    read: (at, length) => blob.read(at, Math.max(0, Math.min(length, blob.sizeBytes - at))),
    close: () => blob.close(),
  }
}

/** Bytes that are in memory already; not copied. */
export function bytesInMemory(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.byteLength,
    read: async (at, length) => bytes.subarray(at, at + length),
    close: async () => {},
  }
}
