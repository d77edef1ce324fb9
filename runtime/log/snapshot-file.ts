import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { sha256 } from '../base/hash.ts'
import { type Disk, replaceFile } from './disk.ts'
import { hasErrno, newerVersion } from './errors.ts'
import type { LogKey } from './log-key.ts'
import type { Snapshot } from './store.ts'

/*
 * A snapshot file, little endian: 0 u32 magic 'AVSN'   4 u32 crc32 of all that follows   8 u16 version
 * 10 u16 flags (1: signed)   12 u32 reserved   16 u64 sequence number   24 u64 size   32 32 B reserved
 * 64 64 B Ed25519 signature of sequence number and content, zeros when not signed   128 content
 */
const MAGIC = 0x4e535641
const VERSION = 1
const SIGNED = 1
const HEADER_BYTES = 128
const NAME = /^(\d{16})\.snap$/

/** How many snapshots are kept: the newest, and one to fall back on. */
const KEPT = 2

function fileName(seq: number): string {
  return `${String(seq).padStart(16, '0')}.snap`
}

/** Sequence numbers of the snapshots among the files of a directory, newest first. */
export function snapshotSeqs(names: readonly string[]): number[] {
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)
}

/** Writes a snapshot durably, signed when there is a key, then removes those beyond the two newest. */
export async function writeSnapshot(disk: Disk, dir: string, snapshot: Snapshot, key?: LogKey): Promise<void> {
  const { seq, bytes } = snapshot
  const header = new DataView(new ArrayBuffer(HEADER_BYTES))
  header.setUint32(0, MAGIC, true)
  header.setUint16(8, VERSION, true)
  header.setBigUint64(16, BigInt(seq), true)
  header.setBigUint64(24, BigInt(bytes.byteLength), true)
  if (key) {
    header.setUint16(10, SIGNED, true)
    new Uint8Array(header.buffer).set(key.sign(statement(snapshot, key)), 64)
  }
  header.setUint32(4, crc32(bytes, crc32(new Uint8Array(header.buffer, 8))), true)
  await replaceFile(disk, dir, fileName(seq), [new Uint8Array(header.buffer), bytes])
  for (const old of snapshotSeqs(await disk.list(dir)).slice(KEPT)) await disk.remove(join(dir, fileName(old)))
}

/** The newest snapshot that is whole, and signed by the key when there is one. Throws `log.version`. */
export async function readSnapshot(disk: Disk, dir: string, key?: LogKey): Promise<Snapshot | undefined> {
  for (const seq of snapshotSeqs(await disk.list(dir))) {
    const file = await disk.read(join(dir, fileName(seq))).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT')) return new Uint8Array() // removed meanwhile by a newer snapshot
      throw error
    })
    if (!isWhole(file, seq)) continue
    const snapshot = { seq, bytes: file.subarray(HEADER_BYTES) }
    if (!key || key.verify(statement(snapshot, key), file.subarray(64, HEADER_BYTES))) return snapshot
  }
  return undefined
}

function isWhole(file: Uint8Array, seq: number): boolean {
  if (file.byteLength < HEADER_BYTES) return false
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES)
  if (header.getUint32(0, true) !== MAGIC || header.getUint32(4, true) !== crc32(file.subarray(8))) return false
  const version = header.getUint16(8, true)
  if (version > VERSION) throw newerVersion('the snapshot', version, VERSION)
  return Number(header.getBigUint64(16, true)) === seq
}

/** What is signed of a snapshot: the state as of an entry, in the name of its log. */
function statement({ seq, bytes }: Snapshot, { name }: LogKey): Uint8Array {
  return Buffer.from(`aivida/log-snapshot/1\n${name}\n${seq}\n${sha256(bytes)}`)
}
