import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AividaError } from '../../runtime/base/errors.ts'
import {
  type FileStoreInit,
  fileLogStore,
  type Log,
  type LogKey,
  openLog,
  type SeenEntry,
  systemDisk,
} from '../../runtime/log/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A directory of its own that goes with the process. */
export function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'aivida-log-'))
  scratchDirs.push(dir)
  return dir
}

const scratchDirs: string[] = []
process.on('exit', () => {
  for (const dir of scratchDirs) rmSync(dir, { recursive: true, force: true })
})

/** A disk whose lock lets everybody in, as a network share without locks would. */
export const unlockedDisk = { ...systemDisk, lock: async () => () => undefined }

/** How a test opens a log. */
export interface OpenDirInit extends Omit<FileStoreInit, 'dir'> {
  readonly key?: LogKey
  readonly seen?: SeenEntry
}

/** Opens a log in a directory under a clock that stands still. */
export function openDir(dir: string, { key, seen, ...init }: OpenDirInit = {}): Promise<Log> {
  return openLog(fileLogStore({ dir, ...init }), {
    clock: new VirtualClock(),
    ...(key && { key }),
    ...(seen && { seen }),
  })
}

/** A new key that signs a log of this name. */
export function testKey(name: string, { privateKey, publicKey } = generateKeyPairSync('ed25519')): LogKey {
  return {
    name,
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
    verify: (bytes, signature) => verify(null, bytes, publicKey, signature),
  }
}

const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), new Uint8Array(32).fill(7)]),
  format: 'der',
  type: 'pkcs8',
})

/** The same in every process. */
export const crashKey = testKey('crashing', { privateKey, publicKey: createPublicKey(privateKey) })

/** Texts as entries. */
export function entries(...texts: string[]): Uint8Array[] {
  return texts.map((text) => new TextEncoder().encode(text))
}

/** All entries from `fromSeq`, as `seq:text`. */
export async function contents(log: Log, fromSeq = 1): Promise<string[]> {
  const found: string[] = []
  for await (const { seq, entry } of log.read(fromSeq)) found.push(`${seq}:${new TextDecoder().decode(entry)}`)
  return found
}

/** The error that a promise rejects with. Throws when it resolves. */
export function failureOf(promise: Promise<unknown>): Promise<AividaError> {
  return promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error) => error,
  )
}

/** The code of the error that a promise rejects with; `undefined` when it resolves. */
export function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error) => error.code,
  )
}
