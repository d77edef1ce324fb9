import { userError } from '../../base/index.ts'
import { accountKeyOf, peerIdOf, type Signer, signedCodec } from '../../protocol/signed.ts'
import {
  type Binding,
  type BindingProof,
  type BindingTerms,
  bindingProofCodec,
  completeBinding,
  openProposal,
  proposeBinding,
} from './binding.ts'
import { textForm } from './text-form.ts'

/**
 * Linking a node to an account whose key lies on another machine, by two words that people copy: the node makes a
 * request, the account's holder approves it, the node takes the approval. The account key never travels.
 */
const requestText = textForm({ prefix: 'aivlink1', what: 'a link request', code: 'link.malformed' })
const approvalText = textForm({ prefix: 'aivyes1', what: 'a link approval', code: 'link.malformed' })

/** On the node: asks to belong to `account`. Throws `key.malformed` when that is no account id. */
export function requestLink(account: string, terms: BindingTerms, node: Signer): string {
  accountKeyOf(account)
  return requestText.encode(signedCodec.encode(proposeBinding(account, terms, node)))
}

/** On the account's machine: what a request asks for, to show before approving. Throws `link.malformed`, `signature.*`. */
export function readLinkRequest(request: string): Binding {
  return openProposal(signedCodec.decode(requestText.decode(request)))
}

/** On the account's machine: agrees. Throws `binding.other-account`, `link.malformed`, `signature.*`. */
export function approveLink(request: string, account: Signer): string {
  const proposal = signedCodec.decode(requestText.decode(request))
  return approvalText.encode(bindingProofCodec.encode(completeBinding(proposal, account)))
}

/** On the node: takes the approval of its own request. Throws `link.other-node`, `link.malformed`, `signature.*`. */
export function acceptLink(approval: string, node: Signer): BindingProof {
  const proof = bindingProofCodec.decode(approvalText.decode(approval))
  const { node: found } = openProposal(proof.node)
  if (found !== peerIdOf(node.publicKey))
    throw userError('link.other-node', `the approval is for ${found}, and this node is ${peerIdOf(node.publicKey)}`)
  return proof
}
