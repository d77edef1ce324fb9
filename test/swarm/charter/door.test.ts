import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { Cluster, openMembership, signLeave, type TicketLedger } from '../../../runtime/swarm/charter/index.ts'
import { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { codeOf, peerOf, sampleKey } from '../identity/sample-keys.ts'
import { admin, alice, bob, NOW, sampleMember, seed } from './sample-cluster.ts'
import { helloTo, joinByTicket, outcomeOf, sampleDoor, sampleFounder, sampleInit } from './sample-node.ts'

const inviteInit = { seeds: ['/dns4/seed'], role: 'worker' as const, uses: 1, expiresWallMs: NOW + 1000 }

test('a ticket is redeemed once, however many come at once', async () => {
  const { cluster, door } = await sampleFounder()
  const ticket = door.invite(inviteInit)
  const callers = [alice, bob, alice, sampleKey(20)]
  const answers = await Promise.all(callers.map((key) => door.hello(peerOf(key), helloTo(cluster, { ticket }))))
  assert.equal(answers.map(outcomeOf), ['welcome', 'refused ticket.used-up', 'welcome', 'refused ticket.used-up'])
  assert.is(cluster.roster.member(peerOf(alice))?.role, 'worker')
})

test('who comes in gets the membership that it does not have', async () => {
  const { cluster, door } = await sampleFounder()
  const first = await door.hello(peerOf(alice), helloTo(cluster, { ticket: door.invite(inviteInit) }))
  const granted = first.outcome === 'welcome' ? first.granted : undefined
  assert.is(granted && openMembership(granted).node, peerOf(alice))
  const again = await door.hello(peerOf(alice), helloTo(cluster, { membership: granted }))
  assert.is(again.outcome === 'welcome' ? again.granted : 'none', undefined)
  const lost = await door.hello(peerOf(alice), helloTo(cluster))
  assert.equal(lost.outcome === 'welcome' && lost.granted, granted)
})

test('nobody comes in before the use of the ticket is on record', async () => {
  const tickets: TicketLedger = {
    redeemedBy: () => new Set(),
    record: () => Promise.reject(Object.assign(new Error('full'), { name: 'AividaError', code: 'ticket.ledger-full' })),
  }
  const { cluster, door } = await sampleFounder('ticket', undefined, tickets)
  const answer = await door.hello(peerOf(alice), helloTo(cluster, { ticket: door.invite(inviteInit) }))
  assert.is(outcomeOf(answer), 'refused ticket.ledger-full')
  assert.is(cluster.roster.member(peerOf(alice)), undefined)
})

test('a member that may not admit knows members, but makes none', async () => {
  const founder = await sampleFounder()
  const init = sampleInit(alice)
  const door = await sampleDoor(await joinByTicket(founder, init), init)
  assert.is(door.canAdmit, false)
  assert.is(await codeOf(() => door.invite(inviteInit)), 'ticket.issuer')
  const ticket = founder.door.invite(inviteInit)
  assert.is(outcomeOf(await door.hello(peerOf(bob), helloTo(founder.cluster, { ticket }))), 'refused hello.no-admitter')
  const membership = sampleMember(founder.cluster.charter, bob).document
  assert.is(outcomeOf(await door.hello(peerOf(bob), helloTo(founder.cluster, { membership }))), 'welcome')
})

test('a delegate that is dismissed admits no more; the account key does', async () => {
  const { init, cluster, door } = await sampleFounder()
  await cluster.amend({ type: 'remove-delegate', delegate: peerOf(seed), signedBefore: 'keep' }, admin)
  assert.is(door.canAdmit, false)
  const withAccount = await sampleDoor(cluster, init, undefined, [admin])
  assert.is(withAccount.canAdmit, true)
  const ticket = withAccount.invite(inviteInit)
  assert.is(outcomeOf(await withAccount.hello(peerOf(alice), helloTo(cluster, { ticket }))), 'welcome')
})

test('by approval: asked, kept over a restart, approved, welcomed', async () => {
  const { init, cluster, door } = await sampleFounder('approval')
  const request = sampleMember(cluster.charter, alice, { role: 'submitter' }, alice).document
  const ask = () => door.hello(peerOf(alice), helloTo(cluster, { request }))
  assert.is(outcomeOf(await ask()), 'refused membership.pending')
  assert.is(outcomeOf(await ask()), 'refused membership.pending')
  const reopened = await sampleDoor((await Cluster.open(init))!, init)
  assert.equal(
    reopened.requests.map(({ node, role }) => [node, role]),
    [[peerOf(alice), 'submitter']],
  )
  const member = await door.approve(peerOf(alice), 'worker')
  assert.is(member.role, 'worker')
  assert.equal(door.requests, [])
  const answer = await ask()
  assert.equal(answer.outcome === 'welcome' && answer.granted, member.document)
})

test('by approval: denied, or asked by nobody', async () => {
  const { cluster, door } = await sampleFounder('approval')
  const request = sampleMember(cluster.charter, alice, {}, alice).document
  await door.hello(peerOf(alice), helloTo(cluster, { request }))
  await door.deny(peerOf(alice))
  assert.equal(door.requests, [])
  assert.is(await codeOf(() => door.approve(peerOf(alice))), 'membership.no-request')
  assert.is(await codeOf(() => door.deny(peerOf(alice))), 'membership.no-request')
})

test('by approval: who was removed since it asked is not approved', async () => {
  const { cluster, door } = await sampleFounder('approval')
  const request = sampleMember(cluster.charter, alice, {}, alice).document
  await door.hello(peerOf(alice), helloTo(cluster, { request }))
  await cluster.amend({ type: 'remove-member', member: peerOf(alice) }, admin)
  assert.is(await codeOf(() => door.approve(peerOf(alice))), 'membership.removed')
  assert.is(cluster.roster.member(peerOf(alice)), undefined)
})

test('by approval: requests are bounded', async () => {
  const { cluster, door } = await sampleFounder('approval')
  const ask = async (key: SecretKey) => {
    const request = sampleMember(cluster.charter, key, {}, key).document
    return outcomeOf(await door.hello(peerOf(key), helloTo(cluster, { request })))
  }
  const random = seededRandom(1)
  const [late, ...strangers] = Array.from({ length: 257 }, () => SecretKey.generate(random)) as [SecretKey, SecretKey]
  const outcomes = await Promise.all(strangers.map(ask))
  assert.equal([...new Set(outcomes)], ['refused membership.pending'])
  assert.is(await ask(late), 'refused membership.queue-full')
  assert.is(await ask(strangers[0]), 'refused membership.pending', 'one that waits already')
  await door.deny(peerOf(strangers[0]))
  assert.is(await ask(late), 'refused membership.pending')
})

test('a node that says it leaves is out', async () => {
  const founder = await sampleFounder()
  const { cluster, door } = founder
  const atAlice = await joinByTicket(founder, sampleInit(alice))
  const leave = signLeave(cluster.charter.state.cluster, alice, NOW)
  assert.is(outcomeOf(await door.hello(peerOf(alice), helloTo(cluster, { leave }))), 'left')
  const membership = atAlice.own.document
  assert.is(outcomeOf(await door.hello(peerOf(alice), helloTo(cluster, { membership }))), 'refused membership.left')
})

test.run()
