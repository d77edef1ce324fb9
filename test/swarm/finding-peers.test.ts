import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import type { DiscoveryHost } from '../../runtime/swarm/discovery/discovery.ts'
import type { Seed } from '../../runtime/swarm/presence/seed.ts'
import { addressOf, type VirtualNode, VirtualSwarm } from '../support/virtual-swarm.ts'

/** A swarm in which `others` run, and a node that does not yet. */
async function newcomer(others: readonly string[], begin: (nodes: readonly VirtualNode[]) => readonly Seed[]) {
  const swarm = new VirtualSwarm()
  for (const name of others) await (await swarm.node(name)).start()
  await swarm.pass(3_000)
  const node = await swarm.node('new', { begin: begin(swarm.nodes) })
  return { swarm, node }
}

const seedOf = (node: VirtualNode, address: string) =>
  node.swarm.network().seeds.find((seed) => seed.address === address)

test('seeds that do not answer are passed over, and it is said why', async () => {
  let [dead, stale] = ['', '']
  const { swarm, node } = await newcomer(['a', 'b'], ([a, b]) => {
    dead = addressOf(`12D3KooW${'1'.repeat(44)}`)
    stale = `/memory/${a!.peer}/p2p/${b!.peer}`
    return [
      { address: dead, source: 'config' },
      { address: stale, source: 'config' },
      { address: addressOf(a!.peer), source: 'ticket' },
    ]
  })
  await node.start()
  await swarm.until(() => swarm.seenBy(node).length === 2, 5_000)
  assert.is(seedOf(node, dead)?.lastError?.code, 'peer.unreachable')
  assert.is(seedOf(node, stale)?.lastError?.code, 'peer.mismatch', 'another peer answers there')
  const reached = seedOf(node, addressOf(swarm.nodes[0]!.peer))
  assert.ok(reached?.reachedWallMs !== undefined && !reached.lastError)
  assert.equal(swarm.seenBy(node), ['a alive', 'b alive'], 'and who answered was not taken for who was called')
  await swarm.stop()
})

test('whom it knew last time is tried before seeds, and seeds before whom the network names', async () => {
  const order: string[] = []
  const swarm = new VirtualSwarm()
  const [cached, seed, found] = [await swarm.node('cached'), await swarm.node('seed'), await swarm.node('found')]
  const node = await swarm.node('new', {
    begin: [
      { address: addressOf(seed.peer), source: 'ticket' },
      { address: addressOf(cached.peer), source: 'cached' },
    ],
    discoveries: [{ start: async (host) => host.onPeer(found.peer, [addressOf(found.peer)]), stop: async () => {} }],
  })
  const connect = node.transport.connect.bind(node.transport)
  node.transport.connect = (addresses, options) => {
    order.push(swarm.nameOf(addresses[0]!.split('/').at(-1)!))
    return connect(addresses, options)
  }
  await node.start()
  await swarm.pass(4_000)
  assert.equal([...new Set(order)], ['cached', 'seed', 'found'])
  await swarm.stop()
})

test('a node that nobody answers says so, and what to do; it stops saying so once somebody does', async () => {
  const { swarm, node } = await newcomer([], () => [
    { address: addressOf(`12D3KooW${'2'.repeat(44)}`), source: 'ticket' },
  ])
  const views: (string | undefined)[] = []
  node.swarm.subscribe({ network: (view) => views.push(view.island?.kind) })
  await node.start()
  await swarm.pass(limit('islandAfterMs') - 2_000)
  assert.is(node.swarm.network().island, undefined, 'not at once')
  await swarm.pass(4_000)
  const { island } = node.swarm.network()
  assert.is(island?.kind, 'alone')
  assert.match(island!.message, /no other member can be reached since .*: 1 addresses failed \(\/memory\/12D3KooW222/)
  assert.match(island!.message, /check that one of them runs .* --seeds/)
  const other = await swarm.node('other', { begin: [{ address: addressOf(node.peer), source: 'ticket' }] })
  await other.start()
  await swarm.pass(3_000)
  assert.equal([node.swarm.network().island, views], [undefined, ['alone', undefined]])
  await swarm.stop()
})

test('a cluster of one is no island, and neither is who is left when the others have said goodbye', async () => {
  const swarm = new VirtualSwarm()
  const a = await swarm.node('a')
  await a.start()
  await swarm.pass(60_000)
  assert.is(a.swarm.network().island, undefined)
  const b = await swarm.node('b')
  await b.start()
  await swarm.pass(2_000)
  await swarm.outcome(b.swarm.sayFarewell())
  await swarm.pass(100)
  await b.swarm.stop()
  await swarm.pass(60_000)
  assert.equal(swarm.seenBy(a), [])
  assert.equal([a.swarm.network().island, a.swarm.network().missing], [undefined, []])
  const again = await swarm.restarted(b)
  await again.start()
  await swarm.pass(60_000)
  assert.equal(swarm.seenBy(a), ['b alive'], 'it is welcome back')
  swarm.network.kill(again.peer)
  await swarm.pass(60_000)
  assert.equal([a.swarm.network().island?.kind, a.swarm.network().missing.length], ['alone', 1], 'this was no goodbye')
  await swarm.stop()
})

test('an island hears of another by any way of discovery', async () => {
  const swarm = new VirtualSwarm()
  const hosts: DiscoveryHost[] = []
  const discoveries = [{ start: async (host: DiscoveryHost) => void hosts.push(host), stop: async () => {} }]
  for (const name of ['a', 'b', 'c', 'd']) await swarm.node(name, { begin: [], discoveries })
  const [a, b, c, d] = swarm.nodes
  for (const node of swarm.nodes) await node.start()
  a!.swarm.noteAddress(addressOf(b!.peer))
  c!.swarm.noteAddress(addressOf(d!.peer))
  await swarm.pass(3_000)
  assert.equal([swarm.seenBy(a!), swarm.seenBy(c!)], [['b alive'], ['d alive']])
  const [, , , host] = hosts
  host!.onPeer(a!.peer, [addressOf(a!.peer)])
  await swarm.pass(5_000)
  assert.equal(swarm.seenBy(b!), ['a alive', 'c alive', 'd alive'])
  await swarm.stop()
})

test('a wrong clock is measured through the round trip, told, and forgotten when it is set', async () => {
  const swarm = new VirtualSwarm({ latencyMs: 150 })
  for (const [name, aheadMs] of Object.entries({ a: 0, b: 40, c: 42_000 }))
    await (await swarm.node(name, { aheadMs })).start()
  await swarm.pass(10_000)
  const [a, b, c] = swarm.nodes
  const skewOf = (node: VirtualNode) => node.swarm.network().clockSkewMs!
  assert.ok(Math.abs(skewOf(c!) - 41_980) <= 20, `${skewOf(c!)}`)
  assert.equal([c!.warnings, a!.warnings.filter((code) => code !== 'network.clock')], [['network.clock'], []])
  assert.ok(Math.abs(skewOf(b!) + 20_960) <= 40, 'of two peers, the middle between them')
  assert.equal(swarm.seenBy(c!), ['a alive', 'b alive'], 'a wrong clock alone keeps nobody out')
  await swarm.stop()
})

test('a machine that changes networks is followed', async () => {
  const swarm = new VirtualSwarm()
  const a = await swarm.node('a')
  let extra: string[] = []
  const b = await swarm.node('b', { says: (actual) => [...extra, ...actual] })
  await a.start()
  await b.start()
  await swarm.pass(2_000)
  extra = [`/memory/elsewhere/p2p/${b.peer}`]
  await swarm.pass(6_000)
  assert.equal(a.swarm.cardOf(b.peer)?.addresses, [...extra, addressOf(b.peer)])
  await swarm.stop()
})

test('a node whose clock was set back while it was down outdoes its card of before', async () => {
  const swarm = new VirtualSwarm()
  const [a, b] = [await swarm.node('a'), await swarm.node('b', { aheadMs: 30_000 })]
  for (const node of [a, b]) await node.start()
  await swarm.pass(2_000)
  const before = a.swarm.cardOf(b.peer)!.sequence
  const again = await swarm.restarted(b)
  again.devices = []
  await again.start()
  await swarm.pass(3_000)
  const card = a.swarm.cardOf(b.peer)!
  assert.ok(card.sequence > before, `${card.sequence} after ${before}`)
  assert.equal(card.devices, [])
  await swarm.stop()
})

test('seeds of the charter reach every member', async () => {
  const swarm = new VirtualSwarm()
  const [a, b] = [await swarm.node('a'), await swarm.node('b')]
  for (const node of [a, b]) await node.start()
  await swarm.pass(2_000)
  const address = addressOf(a.peer)
  const other = `/dns4/seed.example/udp/4001/quic-v1/p2p/12D3KooW${'3'.repeat(44)}`
  await a.cluster.amend({ type: 'terms', terms: { seeds: [address, other] } }, swarm.admin)
  a.swarm.charterChanged()
  await swarm.pass(2_000)
  assert.is(seedOf(b, other)?.source, 'charter')
  await swarm.stop()
})

test.run()
