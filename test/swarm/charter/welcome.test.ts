import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import {
  amendCharter,
  type Change,
  checkWelcome,
  openCharter,
  type Welcome,
  type WelcomeExpected,
} from '../../../runtime/swarm/charter/index.ts'
import { codeOf, peerOf } from '../identity/sample-keys.ts'
import { admin, alice, bob, NOW, outsider, sampleCharter, sampleMember, seed } from './sample-cluster.ts'

const removeBob: Change = { type: 'remove-member', member: peerOf(bob) }
const charter = sampleCharter([removeBob])
const expected: WelcomeExpected = {
  cluster: charter.state.cluster,
  peer: peerOf(seed),
  node: peerOf(alice),
  nowWallMs: NOW,
}
const welcome: Welcome = {
  genesis: charter.genesis,
  updates: [...charter.updates],
  membership: sampleMember(charter, seed).document,
  granted: sampleMember(charter, alice, {}, seed).document,
}
const checkCode = (changes: Partial<Welcome>, knowing: Partial<WelcomeExpected> = {}) =>
  codeOf(() => checkWelcome({ ...expected, ...knowing }, { ...welcome, ...changes }))

test('a newcomer learns the charter, the answerer and its own membership', () => {
  const proof = checkWelcome(expected, welcome)
  assert.equal(proof.charter.state, charter.state)
  assert.is(proof.answerer.node, peerOf(seed))
  assert.is(proof.own?.node, peerOf(alice))
})

test('a member merges what the answerer knows', async () => {
  const ours = openCharter(charter.genesis)
  const { charter: merged, own } = checkWelcome({ ...expected, charter: ours }, { ...welcome, granted: undefined })
  assert.is(merged.state.version, 1)
  assert.is(own, undefined)
  const fork = amendCharter(ours, { type: 'admission', admission: 'open' }, admin, NOW)
  assert.is(await checkCode({}, { charter: fork }), 'charter.fork')
})

test('whoever answers must be of the cluster that was called', async () => {
  const other = sampleCharter([], 'open')
  assert.is(await checkCode({ genesis: other.genesis, updates: [] }), 'charter.other-cluster')
  assert.is(await checkCode({ membership: sampleMember(other, seed).document }), 'membership.other-cluster')
})

test('the answerer must be the member it says it is', async () => {
  assert.is(await checkCode({ membership: sampleMember(charter, alice).document }), 'membership.node')
  assert.is(await checkCode({ membership: sampleMember(charter, seed, {}, outsider).document }), 'membership.issuer')
  assert.is(
    await checkCode({ membership: sampleMember(charter, bob).document }, { peer: peerOf(bob) }),
    'membership.removed',
  )
  const ended = sampleMember(charter, seed, { expiresWallMs: NOW - limit('clockSkewMs') }).document
  assert.is(await checkCode({ membership: ended }), 'membership.expired')
})

test('a granted membership must be ours and count', async () => {
  assert.is(await checkCode({ granted: sampleMember(charter, bob).document }), 'membership.node')
  assert.is(await checkCode({ granted: sampleMember(charter, alice, {}, outsider).document }), 'membership.issuer')
})

test('a bent charter is refused', async () => {
  const [update] = charter.updates
  assert.is(await checkCode({ updates: [{ ...update!, by: outsider.publicKey }] }), 'signature.invalid')
})

test.run()
