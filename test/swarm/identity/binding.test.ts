import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { signDocument } from '../../../runtime/protocol/signed.ts'
import {
  type Binding,
  type BindingProof,
  bindingCodec,
  completeBinding,
  openBinding,
  proposeBinding,
} from '../../../runtime/swarm/identity/index.ts'
import { accountOf, codeOf, peerOf, sampleKey } from './sample-keys.ts'

const [node, account, stranger] = [sampleKey(1), sampleKey(2), sampleKey(3)]
const cluster = 'c'.repeat(64)
const terms = { issuedWallMs: 1000 }
const proof = completeBinding(proposeBinding(accountOf(account), terms, node), account)
const openCode = (changed: Partial<BindingProof>, atWallMs = 2000) =>
  codeOf(() => openBinding({ ...proof, ...changed }, cluster, atWallMs))

test('both keys sign the same bytes, and either is named', () => {
  assert.equal(proof.node.body, proof.account.body)
  const expected: Binding = { kind: 'node', node: peerOf(node), account: accountOf(account), issuedWallMs: 1000 }
  assert.equal(openBinding(proof, cluster, 2000), expected)
})

test('one signature is not enough', async () => {
  assert.is(await openCode({ account: proof.node }), 'binding.signer')
  assert.is(await openCode({ node: proof.account }), 'binding.signer')
})

test('a stranger can put neither side in', async () => {
  const binding: Binding = { kind: 'node', node: peerOf(node), account: accountOf(account), issuedWallMs: 1000 }
  const forged = signDocument(bindingCodec, binding, stranger)
  assert.is(await openCode({ account: forged }), 'binding.signer')
  assert.is(await openCode({ node: forged }), 'binding.signer')
  assert.is(await openCode({ node: { ...forged, by: node.publicKey } }), 'signature.invalid')
})

test('halves of different bindings do not match', async () => {
  const later = completeBinding(proposeBinding(accountOf(account), { issuedWallMs: 1001 }, node), account)
  assert.is(await openCode({ account: later.account }), 'binding.mismatch')
})

test('an account agrees only to a node that names it', async () => {
  assert.is(await codeOf(() => completeBinding(proof.node, stranger)), 'binding.other-account')
  const altered = { ...proof.node, body: proof.node.body.with(20, 0) }
  assert.is(await codeOf(() => completeBinding(altered, account)), 'signature.invalid')
})

test('a binding ends at its time, and holds in its cluster only', async () => {
  const limited = { issuedWallMs: 1000, expiresWallMs: 3000, cluster }
  const short = completeBinding(proposeBinding(accountOf(account), limited, node), account)
  assert.is(await codeOf(() => openBinding(short, cluster, 2999)), undefined)
  assert.is(await codeOf(() => openBinding(short, cluster, 3000)), 'binding.expired')
  assert.is(await codeOf(() => openBinding(short, 'd'.repeat(64), 2000)), 'binding.other-cluster')
})

test.run()
