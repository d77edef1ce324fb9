import { createHash, hash } from 'node:crypto'

/** A SHA-256 digest as 64 lower-case hex characters: the name of whatever was hashed. */
export type Digest = string

/** SHA-256 (FIPS 180-4) of the bytes, as hex. */
export function sha256(bytes: Uint8Array): Digest {
  return hash('sha256', bytes)
}

/** SHA-256 of several pieces as if they were one, without joining them. */
export function sha256All(pieces: Iterable<Uint8Array>): Digest {
  const hasher = createHash('sha256')
  for (const piece of pieces) hasher.update(piece)
  return hasher.digest('hex')
}

/** The 32 bytes behind a digest. */
export function digestBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(Buffer.from(digest, 'hex'))
}

/**
 * Root of a binary hash tree over leaf digests, with the leaf and node prefixes of RFC 6962 section 2.1, so that no
 * inner node can pass for a leaf. The root of an empty list is the hash of nothing.
 */
export function merkleRoot(leaves: readonly Digest[]): Digest {
  if (leaves.length === 0) return sha256(new Uint8Array())
  if (leaves.length === 1) return sha256(Buffer.concat([LEAF, digestBytes(leaves[0]!)]))
  const split = 2 ** (31 - Math.clz32(leaves.length - 1)) // the largest power of two below the length
  return sha256(
    Buffer.concat([
      NODE,
      digestBytes(merkleRoot(leaves.slice(0, split))),
      digestBytes(merkleRoot(leaves.slice(split))),
    ]),
  )
}

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)
