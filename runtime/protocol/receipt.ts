import { z } from 'zod'
import { bytesSchema, type Codec, codec, type Digest, limit, merkleRoot, peerError, sha256 } from '../base/index.ts'
import { blobRefSchema, countSchema, digestSchema, jobIdSchema, peerIdSchema } from './names.ts'
import { openDocument, type Signed, type Signer, signDocument, signedSchema } from './signed.ts'

/** A worker's word that it computed a shard under a lease, and what came out. */
export const receiptSchema = z.object({
  lease: z.string().min(1).max(96),
  job: jobIdSchema,
  epoch: countSchema,
  shard: digestSchema,
  worker: peerIdSchema,
  device: z.string().max(64),
  determinismClass: z.string().max(256),
  /** Encoded output tensors. */
  outputs: blobRefSchema,
  /** Time inside the engine. */
  computeMs: z.number().nonnegative(),
  /** Of training: the state after the last step, as a safetensors file. Older readers know no such shards. */
  state: blobRefSchema.optional(),
  /**
   * Of training: SHA-256 over the tensors of the state in their order, every `commitEvery` steps and after the last one:
   * whoever doubts the result runs the steps between two of them again.
   */
  commitments: z.array(digestSchema).max(limit('commitmentsPerShard')).optional(),
  /**
   * Of a round: compressed updates that other members fetch from the worker: of a `train` shard one for each slice, of a
   * `reduce` shard the one that all contributions became. The first commitment of a replica is then the SHA-256 of the
   * shared state that it began with, and `state` is what is its own (`Replica.inner`); of `reduce`, `state` is what
   * compression left over.
   */
  updates: z.array(blobRefSchema).max(limit('slicesPerRound')).optional(),
})

/** See {@link receiptSchema}. */
export type Receipt = z.infer<typeof receiptSchema>

/** Kept form of one {@link Receipt}: its hash is a leaf of the signed tree. */
export const receiptCodec: Codec<Receipt> = codec({
  name: 'receipt',
  schema: receiptSchema,
  maxBytes: limit('documentBytes'),
})

const rootSchema = z.object({ root: digestSchema, count: countSchema })
const rootCodec: Codec<z.infer<typeof rootSchema>> = codec({ name: 'receipts', schema: rootSchema, maxBytes: 1024 })

/**
 * Receipts under one signature: the signature covers the Merkle root (RFC 6962 section 2.1) over the receipts' bytes,
 * so that one receipt can later be proven without showing the others.
 */
export const signedReceiptsSchema = z.object({
  receipts: z.array(bytesSchema).min(1).max(limit('leasesPerOffer')),
  root: signedSchema,
})

/** See {@link signedReceiptsSchema}. */
export type SignedReceipts = z.infer<typeof signedReceiptsSchema>

/** Signs a batch of receipts with the worker's node key. */
export function signReceipts(receipts: readonly Receipt[], signer: Signer): SignedReceipts {
  const bytes = receipts.map((receipt) => receiptCodec.encode(receipt))
  return { receipts: bytes, root: signDocument(rootCodec, { root: rootOf(bytes), count: bytes.length }, signer) }
}

/** Checks a batch and opens it. Throws `signature.*`, `encoding.*`, `receipt.root` when the tree does not match. */
export function openReceipts(batch: SignedReceipts): { receipts: Receipt[]; by: Uint8Array; root: Signed } {
  const { value, by } = openDocument(rootCodec, batch.root)
  const found = rootOf(batch.receipts)
  if (value.root !== found || value.count !== batch.receipts.length)
    throw peerError('receipt.root', `the signed root covers ${value.count} receipts as ${value.root}, found ${found}`)
  return { receipts: batch.receipts.map((bytes) => receiptCodec.decode(bytes)), by, root: batch.root }
}

function rootOf(receipts: readonly Uint8Array[]): Digest {
  return merkleRoot(receipts.map((bytes) => sha256(bytes)))
}
