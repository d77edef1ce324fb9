import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { inspect } from 'node:util'
import { invariant, type Random, systemRandom } from '../../base/index.ts'
import type { Signer } from '../../protocol/signed.ts'

/** What DER (RFC 8410, PKCS #8) puts before the 32 bytes of an Ed25519 seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * An Ed25519 private key that signs. The seed lies in private fields: printing, inspecting or serialising a key shows
 * the public half alone.
 */
export class SecretKey implements Signer {
  readonly publicKey: Uint8Array
  readonly #seed: Uint8Array
  readonly #key: KeyObject

  /** `seed` is the 32 secret bytes of RFC 8032. */
  constructor(seed: Uint8Array) {
    invariant(seed.byteLength === 32, `an Ed25519 seed has 32 bytes, not ${seed.byteLength}`)
    this.#seed = Uint8Array.from(seed)
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.publicKey = Uint8Array.from(spki.subarray(-32))
  }

  /** A new key. `random` is anything else than the system's in tests only. */
  static generate(random: Random = systemRandom): SecretKey {
    return new SecretKey(random.bytes(32))
  }

  sign(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, bytes, this.#key))
  }

  /** A copy of the 32 secret bytes, for a key file, a backup or libp2p. Never log, send or throw it. */
  exportSeed(): Uint8Array {
    return Uint8Array.from(this.#seed)
  }

  toJSON(): string {
    return this.toString()
  }

  toString(): string {
    return `SecretKey(of public key ${Buffer.from(this.publicKey).toString('hex')})`
  }

  [inspect.custom](): string {
    return this.toString()
  }
}
