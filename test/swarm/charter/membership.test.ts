import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { signDocument } from '../../../runtime/protocol/signed.ts'
import {
  type Change,
  type Charter,
  isRequest,
  type Member,
  membershipCodec,
  openLeave,
  openMembership,
  signLeave,
} from '../../../runtime/swarm/charter/index.ts'
import { assertStanding } from '../../../runtime/swarm/charter/membership.ts'
import { completeBinding, proposeBinding } from '../../../runtime/swarm/identity/index.ts'
import { accountOf, codeOf, peerOf } from '../identity/sample-keys.ts'
import { admin, alice, bob, deputy, NOW, outsider, sampleCharter, sampleMember, seed } from './sample-cluster.ts'

const charter = sampleCharter()
const { cluster } = charter.state
const standingCode = (member: Member, of: Charter = charter, nowWallMs = NOW) =>
  codeOf(() => assertStanding(of.state, member, nowWallMs))
const binding = completeBinding(proposeBinding(accountOf(deputy), { issuedWallMs: NOW }, alice), deputy)

test('an admin or a delegate makes members', async () => {
  for (const signer of [admin, seed]) {
    const member = openMembership(sampleMember(charter, alice, { role: 'worker' }, signer).document)
    assert.is(member.node, peerOf(alice))
    assert.is(member.role, 'worker')
    assert.is(await standingCode(member), undefined)
  }
})

test('nobody else does', async () => {
  for (const signer of [outsider, bob, alice])
    assert.is(await standingCode(sampleMember(charter, alice, {}, signer)), 'membership.issuer')
})

test('an altered membership does not open', async () => {
  const { document } = sampleMember(charter, alice)
  const altered = membershipCodec.encode({ cluster, node: peerOf(bob), role: 'member', admittedWallMs: NOW })
  assert.is(await codeOf(() => openMembership({ ...document, body: altered })), 'signature.invalid')
  assert.is(await codeOf(() => openMembership(charter.genesis)), 'signature.kind')
  const weak = { ...document, by: new Uint8Array(32).with(0, 1), sig: new Uint8Array(64).with(0, 1) }
  assert.is(await codeOf(() => openMembership(weak)), 'signature.invalid')
})

test('a membership counts in its cluster, until its end', async () => {
  assert.is(await standingCode(sampleMember(charter, alice, { cluster: 'f'.repeat(64) })), 'membership.other-cluster')
  const short = sampleMember(charter, alice, { expiresWallMs: NOW + 1000 })
  assert.is(await standingCode(short, charter, NOW + 999 + limit('clockSkewMs')), undefined)
  assert.is(await standingCode(short, charter, NOW + 1000 + limit('clockSkewMs')), 'membership.expired')
})

test('a removed node is out, and in again when readmitted', async () => {
  const remove: Change = { type: 'remove-member', member: peerOf(alice) }
  const readmit: Change = { type: 'readmit-member', member: peerOf(alice) }
  const member = sampleMember(charter, alice)
  assert.is(await standingCode(member, sampleCharter([remove])), 'membership.removed')
  assert.is(await standingCode(member, sampleCharter([remove, readmit])), undefined)
})

test('a removed account takes its nodes with it', async () => {
  const removed = sampleCharter([{ type: 'remove-member', member: accountOf(deputy) }])
  const member = sampleMember(charter, alice, { binding })
  assert.is(member.account, accountOf(deputy))
  assert.is(await standingCode(member), undefined)
  assert.is(await standingCode(member, removed), 'membership.removed')
  assert.is(await standingCode(sampleMember(charter, alice), removed), undefined)
})

test('memberships of a dismissed delegate are kept or voided as the admin said', async () => {
  const delegate = peerOf(seed)
  const before = sampleMember(charter, alice, {}, seed)
  const after = sampleMember(charter, alice, { admittedWallMs: NOW + 2000 }, seed)
  const kept = sampleCharter([{ type: 'remove-delegate', delegate, signedBefore: 'keep' }])
  const voided = sampleCharter([{ type: 'remove-delegate', delegate, signedBefore: 'void' }])
  assert.is(await standingCode(before, kept), undefined)
  assert.is(await standingCode(after, kept), 'membership.issuer')
  assert.is(await standingCode(before, voided), 'membership.issuer')
})

test('in an open cluster a node admits itself, and nobody else', async () => {
  const open = sampleCharter([], 'open')
  const request = sampleMember(open, alice, {}, alice)
  assert.ok(isRequest(request))
  assert.is(await standingCode(request, open), undefined)
  assert.is(await standingCode(sampleMember(open, alice, {}, bob), open), 'membership.issuer')
  const closed = { ...open, state: { ...open.state, admission: 'ticket' as const } }
  assert.is(await standingCode(request, closed), 'membership.issuer')
})

test('a membership proves the account it names', async () => {
  const openCode = (init: Parameters<typeof sampleMember>[2], node = alice) =>
    codeOf(() => sampleMember(charter, node, init))
  assert.is(await openCode({ binding }, bob), 'membership.binding')
  assert.is(await openCode({ binding: { ...binding, account: binding.node } }), 'binding.signer')
  const short = proposeBinding(accountOf(deputy), { issuedWallMs: NOW, expiresWallMs: NOW + 10 }, alice)
  const ends = completeBinding(short, deputy)
  assert.is(await openCode({ binding: ends, admittedWallMs: NOW + 10 }), 'binding.expired')
  const member = sampleMember(charter, alice, { binding: ends, admittedWallMs: NOW + 9 })
  assert.is(await standingCode(member, charter, NOW + 5000), undefined, 'its end does not reach back')
})

test('a leave is the word of the node itself, about its cluster', async () => {
  const leave = signLeave(cluster, alice, NOW)
  const { node, leftWallMs } = openLeave(cluster, leave)
  assert.equal({ node, leftWallMs }, { node: peerOf(alice), leftWallMs: NOW })
  assert.is(await codeOf(() => openLeave('f'.repeat(64), leave)), 'membership.other-cluster')
  assert.is(await codeOf(() => openLeave(cluster, { ...leave, by: bob.publicKey })), 'signature.invalid')
  const { document } = sampleMember(charter, alice)
  assert.is(await codeOf(() => openLeave(cluster, document)), 'signature.kind')
})

test('nobody says that another leaves', async () => {
  const word = signLeave(cluster, alice, NOW)
  const asIs = { name: 'leave', version: 1, encode: () => word.body } as unknown as Parameters<typeof signDocument>[0]
  assert.is(await codeOf(() => openLeave(cluster, signDocument(asIs, undefined, bob))), 'membership.leave')
})

test.run()
