import type { LogKey } from '../log/index.ts'
import { type Signer, verifySignature } from './key.ts'

/** Signs and knows the groups of the log `name` with a node's key. */
export function logKey(name: string, signer: Signer): LogKey {
  return {
    name,
    sign: (bytes) => signer.sign(bytes),
    verify: (bytes, signature) => verifySignature(signer.publicKey, bytes, signature),
  }
}
