import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import {
  type Admission,
  type AdmissionDesk,
  type AdmissionHello,
  admit,
  type Change,
  type Charter,
  MemoryTicketLedger,
  openLeave,
  Roster,
  signLeave,
} from '../../../runtime/swarm/charter/index.ts'
import { completeBinding, openBinding, proposeBinding, type SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { accountOf, codeOf, peerOf } from '../identity/sample-keys.ts'
import {
  alice,
  bob,
  DAY,
  deputy,
  NOW,
  nonceOf,
  outsider,
  sampleCharter,
  sampleMember,
  sampleTicket,
} from './sample-cluster.ts'

const charter = sampleCharter()
const openCluster = sampleCharter([], 'open')
const approvalCluster = sampleCharter([], 'approval')

const deskOf = (of: Charter, changes: Partial<AdmissionDesk> = {}): AdmissionDesk => ({
  state: of.state,
  roster: new Roster(),
  tickets: new MemoryTicketLedger(),
  canAdmit: true,
  protocolVersions: [1],
  nowWallMs: NOW,
  ...changes,
})

/** What `node` says when it calls the cluster of `of`. */
const helloOf = (of: Charter, said: Partial<AdmissionHello> = {}): AdmissionHello => ({
  versions: [1],
  cluster: of.state.cluster,
  ...said,
})

/** Outcome and, where refused, code. */
function decide(of: Charter, said: Partial<AdmissionHello>, desk: Partial<AdmissionDesk> = {}, node = alice): string {
  const admission = admit(deskOf(of, desk), peerOf(node), helloOf(of, said))
  return 'code' in admission ? `${admission.outcome} ${admission.code}` : admission.outcome
}

const requestOf = (of: Charter, node: SecretKey, init = {}) => sampleMember(of, node, init, node).document
const membership = sampleMember(charter, alice).document
const rosterWith = (...members: ReturnType<typeof sampleMember>[]) => {
  const roster = new Roster()
  for (const member of members) roster.add(member)
  return roster
}

test('a member comes in by what it shows, or because it is known', () => {
  assert.is(decide(charter, { membership }), 'admitted')
  assert.is(decide(charter, {}, { roster: rosterWith(sampleMember(charter, alice)) }), 'admitted')
  assert.is(decide(charter, { membership }, { canAdmit: false }), 'admitted', 'no key is needed to know a member')
})

test('a stranger is told how to become a member', () => {
  for (const [of, remedy] of [
    [charter, 'TICKET'],
    [approvalCluster, 'an admin decides'],
    [openCluster, 'granted'],
  ] as const) {
    const admission = admit(deskOf(of), peerOf(alice), helloOf(of))
    assert.is(admission.outcome === 'refused' && admission.code, 'membership.required')
    assert.match(admission.outcome === 'refused' ? admission.message : '', remedy)
  }
})

test('the newest common protocol is taken; without one nobody comes in', () => {
  const version = (ours: number[], versions: number[]) => {
    const admission = admit(
      deskOf(charter, { protocolVersions: ours }),
      peerOf(alice),
      helloOf(charter, { versions, membership }),
    )
    return 'version' in admission ? admission.version : 'code' in admission && admission.code
  }
  assert.is(version([1, 2, 3], [2, 3, 4]), 3)
  assert.is(version([1, 2], [3]), 'hello.version')
})

test('callers of another cluster are refused', () => {
  assert.is(decide(charter, { cluster: openCluster.state.cluster, membership }), 'refused hello.other-cluster')
  assert.is(decide(charter, { ticket: sampleTicket(openCluster) }), 'refused ticket.other-cluster')
  const foreign = { cluster: openCluster.state.cluster, ticket: sampleTicket(openCluster) }
  assert.is(decide(charter, foreign), 'refused ticket.other-cluster')
  assert.is(
    decide(charter, { membership: sampleMember(openCluster, alice).document }),
    'refused membership.other-cluster',
  )
  assert.is(decide(charter, { request: requestOf(openCluster, alice) }), 'refused membership.request')
})

test('what belongs to another node is refused', () => {
  assert.is(decide(charter, { membership }, {}, bob), 'refused membership.node')
  assert.is(decide(openCluster, { request: requestOf(openCluster, alice) }, {}, bob), 'refused membership.node')
  const request = requestOf(charter, alice)
  assert.is(decide(charter, { ticket: sampleTicket(charter), request }, {}, bob), 'refused membership.node')
  const leave = signLeave(charter.state.cluster, alice, NOW)
  assert.is(decide(charter, { leave }, {}, bob), 'refused membership.node')
})

test('forged memberships are refused, even beside a good ticket', () => {
  const bent = { ...membership, body: membership.body.with(9, 0) }
  assert.is(decide(charter, { membership: bent, ticket: sampleTicket(charter) }), 'refused signature.invalid')
  const weak = { ...membership, by: new Uint8Array(32).with(0, 1), sig: new Uint8Array(64).with(0, 1) }
  assert.is(decide(charter, { membership: weak }), 'refused signature.invalid')
  assert.is(
    decide(charter, { membership: sampleMember(charter, alice, {}, outsider).document }),
    'refused membership.issuer',
  )
  assert.is(decide(charter, { membership: { ...membership, kind: 'membership/2' } }), 'refused encoding.version')
})

test('an ended membership is refused, and renewed by a ticket', () => {
  const ended = sampleMember(charter, alice, { expiresWallMs: NOW - limit('clockSkewMs') }).document
  assert.is(decide(charter, { membership: ended }), 'refused membership.expired')
  assert.is(decide(charter, { membership: ended, ticket: sampleTicket(charter) }), 'granted')
})

test('a removed node stays out, whatever it brings', () => {
  const remove: Change = { type: 'remove-member', member: peerOf(alice) }
  const removed = sampleCharter([remove])
  for (const said of [{ membership }, { ticket: sampleTicket(removed) }, {}])
    assert.is(decide(removed, said), 'refused membership.removed')
  const openRemoved = sampleCharter([remove], 'open')
  assert.is(decide(openRemoved, { request: requestOf(openRemoved, alice) }), 'refused membership.removed')
})

test('a node of a removed account stays out, under any ticket', () => {
  const removed = sampleCharter([{ type: 'remove-member', member: accountOf(deputy) }])
  const binding = completeBinding(proposeBinding(accountOf(deputy), { issuedWallMs: NOW }, alice), deputy)
  const request = requestOf(removed, alice, { binding })
  assert.is(decide(removed, { ticket: sampleTicket(removed), request }), 'refused membership.removed')
})

test('a ticket makes a member of its role, with the account it proves', () => {
  const binding = completeBinding(proposeBinding(accountOf(deputy), { issuedWallMs: NOW }, alice), deputy)
  const ticket = sampleTicket(charter)
  const request = requestOf(charter, alice, { binding, role: 'submitter' })
  const admission = admit(deskOf(charter, { nowWallMs: NOW + 5 }), peerOf(alice), helloOf(charter, { ticket, request }))
  assert.is(admission.outcome, 'granted')
  const { binding: kept, ...membership } = (admission as Extract<Admission, { outcome: 'granted' }>).membership
  assert.equal(membership, {
    cluster: charter.state.cluster,
    node: peerOf(alice),
    role: 'worker',
    admittedWallMs: NOW + 5,
    ticket: nonceOf(ticket),
  })
  assert.is(openBinding(kept!, charter.state.cluster, NOW).account, accountOf(deputy))
})

test('a ticket that does not count is refused with its reason', () => {
  const ticket = sampleTicket(charter)
  assert.is(decide(charter, { ticket: `${ticket}x` }), 'refused ticket.malformed')
  assert.is(decide(charter, { ticket }, { nowWallMs: NOW + DAY + limit('clockSkewMs') }), 'refused ticket.expired')
  const dismissed = sampleCharter([
    { type: 'remove-delegate', delegate: [...charter.state.delegates][0]!, signedBefore: 'void' },
  ])
  assert.is(decide(dismissed, { ticket }), 'refused ticket.issuer')
  assert.is(decide(charter, { ticket }, { canAdmit: false }), 'refused hello.no-admitter')
})

test('a ticket lets in as many nodes as it says, each as often as it asks', async () => {
  const ticket = sampleTicket(charter, { uses: 1 })
  const tickets = new MemoryTicketLedger()
  await tickets.record(nonceOf(ticket), peerOf(alice))
  assert.is(decide(charter, { ticket }, { tickets }, bob), 'refused ticket.used-up')
  assert.is(decide(charter, { ticket }, { tickets }, alice), 'granted', 'its reply was lost')
})

test('a use at another node counts as soon as its member is known', () => {
  const ticket = sampleTicket(charter, { uses: 1 })
  const roster = rosterWith(sampleMember(charter, alice, { ticket: nonceOf(ticket) }))
  assert.is(decide(charter, { ticket }, { roster }, bob), 'refused ticket.used-up')
})

test('a binding that has ended makes no member', () => {
  const terms = { issuedWallMs: NOW - 10, expiresWallMs: NOW }
  const binding = completeBinding(proposeBinding(accountOf(deputy), terms, alice), deputy)
  const request = requestOf(charter, alice, { binding, admittedWallMs: NOW - 5 })
  assert.is(decide(charter, { ticket: sampleTicket(charter), request }), 'refused binding.expired')
})

test('by approval: a request waits, and comes in once it is on the roster', () => {
  const request = requestOf(approvalCluster, alice)
  assert.is(decide(approvalCluster, { request }), 'pending membership.pending')
  assert.is(decide(approvalCluster, { request }, { canAdmit: false }), 'refused hello.no-admitter')
  assert.is(
    decide(approvalCluster, { request }, { roster: rosterWith(sampleMember(approvalCluster, alice)) }),
    'admitted',
  )
  assert.is(decide(approvalCluster, { ticket: sampleTicket(approvalCluster), request }), 'granted', 'a ticket is a yes')
})

test('open: asking is enough, at any node', () => {
  assert.is(decide(openCluster, { request: requestOf(openCluster, alice) }, { canAdmit: false }), 'admitted')
  assert.is(decide(openCluster, { membership: requestOf(openCluster, alice) }), 'admitted')
  assert.is(decide(charter, { request: requestOf(charter, alice) }), 'refused membership.required')
  const forAlice = sampleMember(openCluster, alice, {}, bob).document
  assert.is(decide(openCluster, { request: forAlice }), 'refused membership.request', 'she did not ask herself')
})

test('who left is out until it joins again, even by a clock that was ahead', () => {
  const roster = rosterWith(sampleMember(charter, alice))
  const leave = signLeave(charter.state.cluster, alice, NOW + 60_000)
  assert.is(decide(charter, { leave }), 'left')
  roster.leave(openLeave(charter.state.cluster, leave))
  assert.is(decide(charter, { membership }, { roster }), 'refused membership.left')
  const again = admit(deskOf(charter, { roster }), peerOf(alice), helloOf(charter, { ticket: sampleTicket(charter) }))
  assert.is(again.outcome === 'granted' && again.membership.admittedWallMs, NOW + 60_001)
})

test('a defect of ours is thrown, not told to strangers', async () => {
  const broken = { ...deskOf(charter), roster: undefined as unknown as Roster }
  assert.match(String(await codeOf(() => admit(broken, peerOf(alice), helloOf(charter)))), 'TypeError')
})

test.run()
