import type { LogKey } from '../log/index.ts'
import { type Signer, verifySignature } from './key.ts'

/** Signs and knows the groups of the log `name` with a node's key; `others`: public keys whose groups are in it too. */
export function logKey(name: string, signer: Signer, others: readonly Uint8Array[] = []): LogKey {
  return {
    name,
    sign: (bytes) => signer.sign(bytes),
    verify: (bytes, signature) => [signer.publicKey, ...others].some((key) => verifySignature(key, bytes, signature)),
  }
}
