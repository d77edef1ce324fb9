import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, merkleRoot } from '../../../runtime/base/index.ts'
import { openLeave, Roster, rosterRoot, signLeave } from '../../../runtime/swarm/charter/index.ts'
import { peerOf } from '../identity/sample-keys.ts'
import { alice, bob, NOW, sampleCharter, sampleMember, seed } from './sample-cluster.ts'

const charter = sampleCharter()
const { cluster } = charter.state
const [a, b, s] = [alice, bob, seed].map((key) => sampleMember(charter, key))
const rosterOf = (...members: (typeof a)[]) => {
  const roster = new Roster()
  for (const member of members) roster.add(member!)
  return roster
}

test('the root depends on who is in, not on the order of coming', () => {
  assert.is(rosterRoot(rosterOf(a, b, s)), rosterRoot(rosterOf(s, a, b)))
  assert.is.not(rosterRoot(rosterOf(a, b)), rosterRoot(rosterOf(a, b, s)))
  const sorted = [a!, b!, s!].sort((x, y) => (x.node < y.node ? -1 : 1))
  assert.is(rosterRoot(rosterOf(a, b, s)), merkleRoot(sorted.map(({ digest }) => digest)))
  assert.is(rosterRoot(rosterOf()), merkleRoot([]))
})

test('the newest membership of a node counts, wherever it was heard first', () => {
  const newer = sampleMember(charter, alice, { admittedWallMs: NOW + 1, role: 'worker' })
  for (const roster of [rosterOf(a, newer), rosterOf(newer, a)]) {
    assert.is(roster.size, 1)
    assert.is(roster.member(peerOf(alice))?.role, 'worker')
  }
  const twin = sampleMember(charter, alice, { role: 'submitter' })
  assert.is(rosterRoot(rosterOf(a, twin)), rosterRoot(rosterOf(twin, a)), 'of one moment: every node keeps the same')
})

test('adding says whether anything changed', () => {
  const roster = rosterOf(a)
  assert.is(roster.add(a!), false)
  assert.is(roster.add(b!), true)
})

test('who left is out, and comes back only by a membership dated after', () => {
  const roster = rosterOf(a, b)
  const leave = openLeave(cluster, signLeave(cluster, alice, NOW + 10))
  assert.is(roster.leave(leave), true)
  assert.is(roster.leave(leave), false)
  assert.is(roster.member(peerOf(alice)), undefined)
  assert.is(roster.add(a!), false, 'the old membership, played back')
  assert.is(roster.add(sampleMember(charter, alice, { admittedWallMs: NOW + 10 })), false)
  assert.is(roster.add(sampleMember(charter, alice, { admittedWallMs: NOW + 11 })), true)
  assert.is(roster.leave(leave), false, 'the old leave, played back')
  assert.is(roster.size, 2)
})

test('a leave that is heard before its membership counts all the same', () => {
  const roster = rosterOf(b)
  assert.is(roster.leave(openLeave(cluster, signLeave(cluster, alice, NOW))), false)
  assert.is(roster.add(a!), false)
})

test('a changed charter and passing time take members out', () => {
  const short = sampleMember(charter, bob, { expiresWallMs: NOW + 5 })
  const roster = rosterOf(a, short, s)
  assert.equal(roster.refresh(charter.state, NOW), [])
  assert.equal(roster.refresh(charter.state, NOW + 5 + limit('clockSkewMs')), [short])
  const removed = sampleCharter([{ type: 'remove-member', member: peerOf(alice) }])
  assert.equal(roster.refresh(removed.state, NOW), [a])
  assert.is(roster.size, 1)
})

test('the uses of a ticket show', () => {
  const byTicket = sampleMember(charter, alice, { ticket: 'the-ticket' })
  assert.equal(rosterOf(byTicket, b, s).admittedBy('the-ticket'), [peerOf(alice)])
})

test.run()
