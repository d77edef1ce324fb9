import type { Patch } from './patches.ts'

/** Verdicts that are remembered, about 100 bytes each. */
const VERDICTS = 400_000

/**
 * Remembers which signatures hold: a process stands for a whole cluster whose nodes all look at the same cards and
 * memberships, which would take most of its time. A verdict follows from its bytes, so no trace changes.
 */
export const VERDICTS_KEPT: Patch = {
  file: 'runtime/protocol/key.ts',
  find: 'export function verifySignature(',
  replace: `import { hash } from 'node:crypto'
const verdicts = new Map<string, boolean>()
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const name = hash('sha256', Buffer.concat([publicKey, signature, bytes]), 'base64')
  let verdict = verdicts.get(name)
  if (verdict === undefined) {
    verdict = verifyAfresh(publicKey, bytes, signature)
    if (verdicts.size >= ${VERDICTS}) verdicts.clear()
    verdicts.set(name, verdict)
  }
  return verdict
}
function verifyAfresh(`,
}
