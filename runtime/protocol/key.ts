import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base58btc } from 'multiformats/bases/base58'
import { limit, peerError, userError } from '../base/index.ts'

/** Signs with an Ed25519 key (RFC 8032) that it keeps to itself. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The 64-byte signature of `bytes`. */
  sign(bytes: Uint8Array): Uint8Array
}

/** A peer id is the identity multihash (0x00, length 36) of a protobuf `{ 1: Ed25519, 2: 32 key bytes }`. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const ACCOUNT_ID_PREFIX = 'ac_'
/** What DER (RFC 8410) puts before the 32 bytes of an Ed25519 public key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32

/** The libp2p peer id (`12D3Koo...`) of a node's public key (https://github.com/libp2p/specs/blob/master/peer-ids). */
export function peerIdOf(publicKey: Uint8Array): string {
  return base58btc.baseEncode(Buffer.concat([PEER_ID_PREFIX, publicKey]))
}

/** The 32-byte public key inside a peer id. Throws `key.malformed`. */
export function publicKeyOf(peerId: string): Uint8Array {
  const bytes = fromBase58(peerId)
  const prefix = bytes?.subarray(0, PEER_ID_PREFIX.length)
  if (!bytes || !prefix || Buffer.compare(prefix, PEER_ID_PREFIX) !== 0)
    throw malformed('a peer id (12D3Koo...)', peerId)
  return keyBytes(bytes.subarray(PEER_ID_PREFIX.length), 'a peer id (12D3Koo...)', peerId)
}

/** The account id of a person's public key: `ac_` and the key in base58. */
export function accountIdOf(publicKey: Uint8Array): string {
  return ACCOUNT_ID_PREFIX + base58btc.baseEncode(publicKey)
}

/** The 32-byte public key inside an account id. Throws `key.malformed`. */
export function accountKeyOf(accountId: string): Uint8Array {
  const bytes = accountId.startsWith(ACCOUNT_ID_PREFIX)
    ? fromBase58(accountId.slice(ACCOUNT_ID_PREFIX.length))
    : undefined
  return keyBytes(bytes, 'an account id (ac_...)', accountId)
}

/**
 * Refuses keys under which signatures prove nothing: a point of small order (`01 00...` is one) verifies signatures
 * that nobody made. Whether node:crypto takes them depends on its OpenSSL (3.0 does, 3.5 does not), so they are kept
 * out here, and non-canonical encodings with them. Throws `key.weak`.
 */
export function assertHonestKey(publicKey: Uint8Array): void {
  let smallOrder = true
  try {
    smallOrder = ed25519.Point.fromBytes(publicKey, false).isSmallOrder()
  } catch {
    // Not a canonically encoded point of the curve: as useless as one of small order.
  }
  if (smallOrder)
    throw peerError('key.weak', 'expected an honest Ed25519 public key, found one that anybody can sign for')
}

/** Whether `signature` is `publicKey`'s over `bytes`. Weak and malformed keys have no valid signatures. */
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = keyObject(publicKey)
  return key !== undefined && verify(null, bytes, key, signature)
}

/** Parsed keys, oldest first: parsing and the honesty check cost more than a verification. */
const keyObjects = new Map<string, KeyObject>()

function keyObject(publicKey: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = keyObjects.get(name)
  if (known) return known
  try {
    assertHonestKey(publicKey)
  } catch {
    return undefined
  }
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  if (keyObjects.size >= limit('publicKeys')) keyObjects.delete(keyObjects.keys().next().value!)
  keyObjects.set(name, key)
  return key
}

/** The bytes that this very text stands for: the decoder also takes spaces around it, and one id is one text. */
function fromBase58(text: string): Uint8Array | undefined {
  try {
    const bytes = text.length <= 64 ? base58btc.baseDecode(text) : undefined
    return bytes && base58btc.baseEncode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

function keyBytes(bytes: Uint8Array | undefined, expected: string, found: string): Uint8Array {
  if (bytes?.byteLength !== KEY_BYTES) throw malformed(expected, found)
  return bytes
}

function malformed(expected: string, found: string) {
  return userError('key.malformed', `expected ${expected}, found ${JSON.stringify(found.slice(0, 80))}`)
}
