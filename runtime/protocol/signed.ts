import { z } from 'zod'
import { bytesSchema, type Codec, canonicalBytes, codec, type Digest, limit, peerError, sha256 } from '../base/index.ts'
import { type Signer, verifySignature } from './key.ts'

export * from './key.ts'

/**
 * A document under a signature. The body is the exact bytes that were signed and is never re-encoded, so that a reader
 * which drops an unknown field still passes on what the signer wrote. `kind` is `name/version` of the body's codec and
 * is signed too: no document can pass for one of another kind or version.
 */
export const signedSchema = z.object({
  kind: z.string().regex(/^[a-z][a-z0-9-]{0,62}\/[1-9][0-9]{0,5}$/, 'expected a kind (name/version)'),
  body: bytesSchema.refine((body) => body.byteLength <= limit('signedBytes'), 'the body is too large'),
  /** Ed25519 public key of the signer, 32 bytes. */
  by: bytesSchema.refine((key) => key.byteLength === 32, 'expected 32 bytes'),
  /** Ed25519 signature (RFC 8032), 64 bytes. */
  sig: bytesSchema.refine((sig) => sig.byteLength === 64, 'expected 64 bytes'),
})

/** See {@link signedSchema}. */
export type Signed = z.infer<typeof signedSchema>

/** Wire and disk form of a {@link Signed} on its own. */
export const signedCodec: Codec<Signed> = codec({
  name: 'signed',
  schema: signedSchema,
  maxBytes: limit('signedBytes') + 1024,
})

/** Encodes a value and signs the bytes. */
export function signDocument<T>(codec: Codec<T>, value: T, signer: Signer): Signed {
  const body = codec.encode(value)
  const kind = `${codec.name}/${codec.version}`
  return { kind, body, by: signer.publicKey, sig: signer.sign(signedBytes(kind, body)) }
}

/**
 * Opens a document of the codec's kind: checks its size, then its signature, then its content. What the signer was
 * entitled to say is the caller's question. Throws `encoding.*`, `signature.kind`, `signature.invalid`.
 */
export function openDocument<T>(codec: Codec<T>, signed: Signed): { value: T; by: Uint8Array } {
  const { kind, body, by, sig } = signed
  if (body.byteLength > limit('signedBytes'))
    throw peerError('encoding.size', `${kind}: ${body.byteLength} bytes, at most ${limit('signedBytes')} allowed`)
  const [name, version] = kind.split('/')
  if (name !== codec.name) throw peerError('signature.kind', `expected a signed ${codec.name}, found a ${kind}`)
  if (Number(version) > codec.version)
    throw peerError(
      'encoding.version',
      `${kind}: newer than ${codec.name}/${codec.version}, the newest known here; update aivida`,
    )
  if (!verifySignature(by, signedBytes(kind, body), sig))
    throw peerError('signature.invalid', `${kind}: the signature does not match the content and key; it is refused`)
  return { value: codec.decode(body), by }
}

/** The name of a signed document: SHA-256 over its four parts, so that equal names mean equal content and signer. */
export function signedDigest({ kind, body, by, sig }: Signed): Digest {
  return sha256(canonicalBytes({ kind, body, by, sig }))
}

/** What a signature covers; the prefix keeps signatures of one kind, version or program from serving as another. */
function signedBytes(kind: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`aivida/${kind}\n`), body])
}
