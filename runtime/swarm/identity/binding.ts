import { z } from 'zod'
import { type Codec, codec, limit, peerError, userError, wallTimeText } from '../../base/index.ts'
import { accountIdSchema, countSchema, digestSchema, peerIdSchema } from '../../protocol/names.ts'
import {
  accountIdOf,
  openDocument,
  peerIdOf,
  type Signed,
  type Signer,
  signDocument,
  signedSchema,
} from '../../protocol/signed.ts'

/** A node belongs to an account: what it earns is the account's, and it may spend what the account lets it. */
const nodeBindingSchema = z.object({
  kind: z.literal('node'),
  node: peerIdSchema,
  account: accountIdSchema,
  /** Holds in this cluster only; in all of them, when absent. */
  cluster: digestSchema.optional(),
  issuedWallMs: countSchema,
  /** Holds without end, when absent. */
  expiresWallMs: countSchema.optional(),
})

/** That two keys belong together. Kinds to come (a wallet of an account) join this union. */
export const bindingSchema = z.discriminatedUnion('kind', [nodeBindingSchema])

/** See {@link bindingSchema}. */
export type Binding = z.infer<typeof bindingSchema>

/** Signed form of a {@link Binding}. */
export const bindingCodec: Codec<Binding> = codec({
  name: 'binding',
  schema: bindingSchema,
  maxBytes: limit('documentBytes'),
})

/** A binding under the signatures of both keys, over the same bytes: neither can claim the other alone. */
export const bindingProofSchema = z.object({ node: signedSchema, account: signedSchema })

/** See {@link bindingProofSchema}. */
export type BindingProof = z.infer<typeof bindingProofSchema>

/** Disk form of a {@link BindingProof}. */
export const bindingProofCodec: Codec<BindingProof> = codec({
  name: 'binding-proof',
  schema: bindingProofSchema,
  maxBytes: limit('documentBytes'),
})

/** The terms of a binding between a node and an account. */
export type BindingTerms = Omit<Binding, 'kind' | 'node' | 'account'>

/** The node's half: it asks to belong to `account`. */
export function proposeBinding(account: string, terms: BindingTerms, node: Signer): Signed {
  return signDocument(bindingCodec, { kind: 'node', node: peerIdOf(node.publicKey), account, ...terms }, node)
}

/** Opens the node's half, to show it to the account's holder. Throws `binding.signer`, `signature.*`, `encoding.*`. */
export function openProposal(proposal: Signed): Binding {
  const { value, by } = openDocument(bindingCodec, proposal)
  if (value.node !== peerIdOf(by)) throw wrongSigner('node', value.node, peerIdOf(by))
  return value
}

/** The account's half, over the very bytes that the node signed. Throws `binding.other-account`, `signature.*`. */
export function completeBinding(proposal: Signed, account: Signer): BindingProof {
  const binding = openProposal(proposal)
  const id = accountIdOf(account.publicKey)
  if (binding.account !== id)
    throw userError('binding.other-account', `the node asks to belong to ${binding.account}, and this key is ${id}`)
  return { node: proposal, account: signDocument(bindingCodec, binding, account) }
}

/**
 * Checks that both keys signed the same binding and that it holds at `atWallMs` in `cluster`.
 * Throws `binding.signer`, `binding.mismatch`, `binding.expired`, `binding.other-cluster`, `signature.*`, `encoding.*`.
 */
export function openBinding(proof: BindingProof, cluster: string, atWallMs: number): Binding {
  const binding = openProposal(proof.node)
  const { by } = openDocument(bindingCodec, proof.account)
  if (Buffer.compare(proof.node.body, proof.account.body) !== 0)
    throw peerError('binding.mismatch', 'the node and the account signed different bindings; link them again')
  if (binding.account !== accountIdOf(by)) throw wrongSigner('account', binding.account, accountIdOf(by))
  if (binding.cluster !== undefined && binding.cluster !== cluster)
    throw peerError('binding.other-cluster', `the binding holds in cluster ${binding.cluster}, not in ${cluster}`)
  if (binding.expiresWallMs !== undefined && binding.expiresWallMs <= atWallMs)
    throw peerError(
      'binding.expired',
      `the binding of ${binding.node} ended at ${wallTimeText(binding.expiresWallMs)}; link it again`,
    )
  return binding
}

function wrongSigner(role: string, expected: string, found: string) {
  return peerError('binding.signer', `expected the signature of ${role} ${expected}, found one of ${found}`)
}
