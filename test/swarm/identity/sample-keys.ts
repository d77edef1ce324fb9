import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountIdOf, peerIdOf } from '../../../runtime/protocol/signed.ts'
import { SecretKey } from '../../../runtime/swarm/identity/index.ts'

/** The key whose seed is 32 times this byte: the same in every run and in the fixtures. */
export function sampleKey(byte: number): SecretKey {
  return new SecretKey(new Uint8Array(32).fill(byte))
}

/** Peer id of a sample key. */
export const peerOf = (key: SecretKey): string => peerIdOf(key.publicKey)

/** Account id of a sample key. */
export const accountOf = (key: SecretKey): string => accountIdOf(key.publicKey)

/** The code of the error that a call throws or rejects with, now or later; `undefined` when it does neither. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** A directory of its own that goes with the process. */
export function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'aivida-swarm-'))
  scratchDirs.push(dir)
  return dir
}

const scratchDirs: string[] = []
process.on('exit', () => {
  for (const dir of scratchDirs) rmSync(dir, { recursive: true, force: true })
})
