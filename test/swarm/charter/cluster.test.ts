import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Disk, systemDisk } from '../../../runtime/log/index.ts'
import { openDocument } from '../../../runtime/protocol/signed.ts'
import {
  type Change,
  Cluster,
  genesisCodec,
  Roster,
  rosterRoot,
  signLeave,
} from '../../../runtime/swarm/charter/index.ts'
import { accountOf, codeOf, peerOf } from '../identity/sample-keys.ts'
import { admin, alice, bob, deputy, NOW, outsider, sampleMember, seed } from './sample-cluster.ts'
import { joinByTicket, sampleFounder, sampleInit, welcomeOf } from './sample-node.ts'

const nodesOf = (cluster: Cluster) => cluster.roster.members().map(({ node }) => node)
const removeAlice: Change = { type: 'remove-member', member: peerOf(alice) }

test('a founder makes its account the admin, and its node a member and delegate of that account', async () => {
  const { cluster } = await sampleFounder()
  const { admins, delegates, admission } = openDocument(genesisCodec, cluster.charter.genesis).value
  assert.equal(
    { admins, delegates, admission },
    { admins: [accountOf(admin)], delegates: [peerOf(seed)], admission: 'ticket' },
  )
  assert.is(cluster.own.account, accountOf(admin))
  assert.equal(nodesOf(cluster), [peerOf(seed)])
})

test('a newcomer and the founder know each other', async () => {
  const founder = await sampleFounder()
  const joined = await joinByTicket(founder, sampleInit(alice))
  assert.is(joined.own.node, peerOf(alice))
  assert.equal(nodesOf(joined).sort(), [peerOf(seed), peerOf(alice)].sort())
  assert.equal(nodesOf(joined), nodesOf(founder.cluster))
})

test('everything is there after a restart', async () => {
  const founder = await sampleFounder()
  const init = sampleInit(alice)
  await joinByTicket(founder, init)
  await joinByTicket(founder, sampleInit(bob))
  await founder.cluster.remove(signLeave(founder.cluster.charter.state.cluster, bob, NOW))
  await founder.cluster.amend({ type: 'admission', admission: 'approval' }, admin)
  for (const [before, at] of [
    [founder.cluster, founder.init],
    [await Cluster.open(init), init],
  ] as const) {
    const after = await Cluster.open(at)
    assert.equal(after?.charter.state, before?.charter.state)
    assert.equal(after?.own, before?.own)
    assert.equal(nodesOf(after!), nodesOf(before!))
    assert.equal(after?.roster.leaves().length, before?.roster.leaves().length)
  }
  assert.is(founder.cluster.roster.leaves().length, 1)
})

test('an empty store holds no cluster', async () => {
  assert.is(await Cluster.open(sampleInit(alice)), undefined)
})

test('a welcome without a membership makes no member', async () => {
  const { cluster } = await sampleFounder()
  const { cluster: id } = cluster.charter.state
  const join = Cluster.join(sampleInit(alice), id, peerOf(seed), welcomeOf(cluster))
  assert.is(await codeOf(() => join), 'membership.required')
})

test('a node is in one cluster at a time', async () => {
  const [one, other] = [await sampleFounder('ticket'), await sampleFounder('open')]
  const init = sampleInit(alice)
  await joinByTicket(one, init)
  assert.is(await codeOf(() => joinByTicket(other, init)), 'cluster.exists')
  const joined = (await Cluster.open(init))!
  const leave = await joined.leave()
  assert.is(await Cluster.open(init), undefined)
  await joinByTicket(other, init)
  await one.cluster.remove(leave)
  assert.equal(nodesOf(one.cluster), [peerOf(seed)])
})

test('a removal reaches the members, and takes the removed out', async () => {
  const founder = await sampleFounder()
  const init = sampleInit(bob)
  await joinByTicket(founder, sampleInit(alice))
  const atBob = await joinByTicket(founder, init)
  await atBob.add(sampleMember(founder.cluster.charter, alice))
  const dropped = await founder.cluster.amend(removeAlice, admin)
  assert.equal(
    dropped.map(({ node }) => node),
    [peerOf(alice)],
  )
  assert.equal(
    (await atBob.learnUpdates(founder.cluster.charter.updates)).map(({ node }) => node),
    [peerOf(alice)],
  )
  assert.equal(await atBob.learnUpdates(founder.cluster.charter.updates), [], 'heard before')
  assert.not.ok(nodesOf((await Cluster.open(init))!).includes(peerOf(alice)))
})

test('only admins amend', async () => {
  const { cluster } = await sampleFounder()
  for (const signer of [outsider, seed])
    assert.is(await codeOf(() => cluster.amend(removeAlice, signer)), 'charter.not-admin')
  assert.is(cluster.charter.state.version, 0)
})

test('changes at once come one after the other, and do not fork the charter', async () => {
  const { cluster, init } = await sampleFounder()
  const admins: Change[] = [deputy, outsider].map((key) => ({ type: 'add-admin', admin: accountOf(key) }))
  const refused = codeOf(() => cluster.amend(removeAlice, bob))
  await Promise.all(admins.map((change) => cluster.amend(change, admin)))
  assert.is(await refused, 'charter.not-admin')
  assert.is(cluster.charter.state.version, 2)
  assert.is((await Cluster.open(init))?.charter.state.admins.size, 3)
})

test('a change that could not be kept was not made', async () => {
  let full = false
  const disk: Disk = {
    ...systemDisk,
    makeDir: async (path) => {
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      await systemDisk.makeDir(path)
    },
  }
  const { cluster } = await sampleFounder('ticket', sampleInit(seed, undefined, disk))
  full = true
  assert.is(await codeOf(() => cluster.amend(removeAlice, admin)), 'cluster.not-saved')
  assert.is(cluster.charter.state.version, 0)
  full = false
  await cluster.amend(removeAlice, admin)
  assert.is(cluster.charter.state.version, 1)
})

test('a member learns from the welcome of another', async () => {
  const founder = await sampleFounder()
  const atAlice = await joinByTicket(founder, sampleInit(alice))
  await founder.cluster.amend({ type: 'admission', admission: 'open' }, admin)
  const renewed = sampleMember(founder.cluster.charter, alice, { admittedWallMs: NOW + 1, role: 'worker' })
  const peer = await atAlice.takeWelcome(peerOf(seed), welcomeOf(founder.cluster, renewed.document))
  assert.is(peer.node, peerOf(seed))
  assert.is(atAlice.charter.state.admission, 'open')
  assert.is(atAlice.own.role, 'worker')
})

test('strangers that leave are not remembered', async () => {
  const { cluster } = await sampleFounder()
  await cluster.remove(signLeave(cluster.charter.state.cluster, alice, NOW))
  assert.equal(cluster.roster.leaves(), [])
})

test('members that come together are all kept, with few writes', async () => {
  const { cluster, init } = await sampleFounder()
  const members = [alice, bob, deputy].map((key) => sampleMember(cluster.charter, key))
  await Promise.all(members.map((member) => cluster.add(member)))
  const after = await Cluster.open(init)
  assert.is(after?.roster.size, 4)
  const roster = new Roster()
  for (const member of [...members, cluster.own]) roster.add(member)
  assert.is(rosterRoot(after!.roster), rosterRoot(roster))
  assert.equal(readdirSync(init.folder).sort(), ['charter.cbor', 'roster.cbor'])
})

test.run()
