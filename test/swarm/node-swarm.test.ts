import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import {
  type ControlMessage,
  controlMessageCodec,
  type Hello,
  nodeCardCodec,
  PROTOCOLS,
  peerIdOf,
  signDocument,
} from '../../runtime/protocol/index.ts'
import { accountIdOf } from '../../runtime/protocol/signed.ts'
import { Cluster, ClusterStore } from '../../runtime/swarm/charter/index.ts'
import { channel } from '../../runtime/swarm/wire/index.ts'
import { memoryDisk } from '../support/memory-disk.ts'
import { cpu, heartbeat, rawHello, type VirtualNode, VirtualSwarm } from '../support/virtual-swarm.ts'
import { codeOf } from './identity/sample-keys.ts'

/** A swarm of started nodes by these names, all of which see each other. */
async function swarmOf<N extends readonly string[]>(...names: N) {
  const swarm = new VirtualSwarm()
  for (const name of names) await (await swarm.node(name)).start()
  await swarm.until(() => swarm.nodes.every((node) => node.swarm.members().length === names.length - 1), 10_000)
  for (const { events } of swarm.nodes) events.length = 0
  const nodes = [...swarm.nodes] as unknown as { [Index in keyof N]: VirtualNode }
  return [swarm, ...nodes] as const
}

/** The hello that an honest node would say. */
const helloOf = ({ cluster, swarm, key }: VirtualNode, over: Partial<Hello> = {}): Hello => ({
  versions: [1],
  software: 'test',
  cluster: cluster.charter.state.cluster,
  membership: cluster.own.document,
  card: signDocument(nodeCardCodec, swarm.card(), key),
  charterLength: cluster.charter.updates.length,
  ...over,
})

test('one hello admits both ways, with cards', async () => {
  const swarm = new VirtualSwarm()
  const [a, b] = [await swarm.node('a'), await swarm.node('b')]
  await a.start()
  await b.start()
  await swarm.pass(1_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(b)], [['b alive'], ['a alive']])
  const [seen] = a.swarm.members()
  assert.equal([seen?.carrier, seen?.role, seen?.card?.name], ['memory', 'member', 'b'])
  assert.is(b.events[0]?.split(' ').slice(1).join(' '), 'card a')
  await swarm.stop()
})

test('heartbeats keep members alive, and carry why a peer is given nothing', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const heardMs: number[] = []
  b.swarm.on('heartbeat', () => heardMs.push(swarm.clock.monoMs()))
  a.refusals = { memory: 2 }
  await swarm.pass(60_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(b)], [['b alive'], ['a alive']])
  assert.ok(heardMs.length >= 119 && heardMs.length <= 121, `${heardMs.length} heartbeats in a minute`)
  assert.equal(b.swarm.members()[0]?.refusals, { memory: 2 })
  assert.equal(a.swarm.members()[0]?.refusals, {})
  await swarm.stop()
})

test('a cut peer is suspect in time, lost in time, and back after the cut', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const cutMs = swarm.clock.monoMs()
  swarm.cut(a, b)
  await swarm.pass(2_500)
  assert.equal([swarm.seenBy(a), swarm.seenBy(b)], [['b suspect'], ['a suspect']])
  await swarm.pass(limit('lostAfterMs') - 2_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(b)], [[], []])
  for (const { events } of [a, b]) {
    const [suspect, lost] = events.map((event) => event.split(' '))
    assert.equal([suspect?.[1], lost?.[1], events.length], ['suspect', 'lost', 2])
    assert.ok(Number(lost?.[0]) - cutMs >= limit('lostAfterMs') - 500, 'not before its time')
  }
  swarm.heal(a, b)
  await swarm.until(() => a.swarm.members().length + b.swarm.members().length === 2, 35_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(b)], [['b alive'], ['a alive']])
  await swarm.stop()
})

test('a short cut costs suspicion only', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const told: string[] = []
  b.swarm.on('settled', (_, { leases }) => told.push(...leases))
  swarm.cut(a, b)
  await swarm.pass(3_000)
  const sending = a.swarm.send(b.peer, { type: 'settled', leases: ['during'] })
  await swarm.pass(3_000)
  assert.equal(swarm.seenBy(a), ['b suspect'])
  swarm.heal(a, b)
  await swarm.pass(1_000)
  await sending
  assert.equal(
    [...new Set(a.events.map((event) => event.split(' ')[1]))], // a hello that was under way tells `alive` again
    ['suspect', 'alive'],
  )
  assert.equal(told, ['during'], 'what was sent waits out the cut')
  await swarm.stop()
})

test('a killed peer takes the same path; restarted, it is a member again at once', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  swarm.network.kill(b.peer)
  await swarm.pass(2_500)
  assert.equal(swarm.seenBy(a), ['b suspect'])
  const again = await swarm.restarted(b)
  await again.start()
  await swarm.pass(1_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(again)], [['b alive'], ['a alive']])
  assert.equal(
    a.events.map((event) => event.split(' ')[1]),
    ['suspect', 'card', 'alive'],
  )
  await swarm.stop()
})

test('one seed is enough to find everybody', async () => {
  const swarm = new VirtualSwarm()
  for (const name of ['a', 'b', 'c', 'd', 'e']) await (await swarm.node(name)).start()
  await swarm.pass(5_000)
  for (const node of swarm.nodes)
    assert.equal(
      swarm.seenBy(node),
      ['a', 'b', 'c', 'd', 'e'].filter((name) => name !== node.name).map((name) => `${name} alive`),
    )
  await swarm.stop()
})

test('changed devices reach everybody at once; an older card changes nothing', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const older = signDocument(nodeCardCodec, b.swarm.card(), b.key)
  b.devices = [cpu(7)]
  b.swarm.refreshCard()
  await swarm.pass(50)
  const slots = () => a.swarm.members()[0]?.card?.devices[0]?.slots
  assert.is(slots(), 7)
  await b.swarm.send(a.peer, { type: 'card', card: older })
  await swarm.pass(50)
  assert.is(slots(), 7)
  await swarm.stop()
})

test('messages keep their order, bodies included, also to oneself', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  for (const to of [b, a]) {
    const got: string[] = []
    to.swarm.on('receipts', (from, { inline }, body) =>
      got.push(`${swarm.nameOf(from)} ${inline.length} ${Buffer.from(body)}`),
    )
    const batch = { receipts: [Uint8Array.of(1)], root: signDocument(nodeCardCodec, a.swarm.card(), a.key) }
    const message: ControlMessage = { type: 'receipts', batch, inline: [] }
    await swarm.outcome(
      Promise.all([
        a.swarm.send(to.peer, message, [Buffer.from('one')]),
        a.swarm.send(to.peer, message, [Buffer.from('tw'), Buffer.from('o')]),
      ]),
    )
    await swarm.pass(50)
    assert.equal(got, ['a 0 one', 'a 0 two'])
  }
  await swarm.stop()
})

test('nothing said while both sides say hello at once is lost', async () => {
  const swarm = new VirtualSwarm()
  const a = await swarm.node('a')
  const b = await swarm.node('b')
  a.swarm.noteAddress(`/memory/${b.peer}/p2p/${b.peer}`)
  const told: string[] = []
  b.swarm.on('settled', (_, { leases }) => told.push(...leases))
  const sent: string[] = []
  a.swarm.subscribe({
    card: (peer) => {
      if (peer !== b.peer) return
      for (let i = 0; i < 20; i++) {
        const lease = `lease-${sent.push('')}`
        void a.swarm.send(b.peer, { type: 'settled', leases: [lease] }).catch(() => {})
      }
    },
  })
  await Promise.all([a.start(), b.start()])
  for (let i = 0; i < 20; i++) {
    await swarm.pass(7)
    const [member] = a.swarm.members()
    if (member) void a.swarm.send(b.peer, { type: 'settled', leases: [`lease-${sent.push('')}`] }).catch(() => {})
  }
  await swarm.pass(1_000)
  assert.ok(sent.length > 20)
  assert.is(new Set(told).size, sent.length)
  await swarm.stop()
})

test('an outsider opens nothing but hello, and is told why it is refused', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const other = await new VirtualSwarm().node('other') // of another cluster
  let served = 0
  a.swarm.serve(PROTOCOLS.blob, async () => void served++)
  const outsider = swarm.network.transport(other.peer)
  await outsider.start()
  const own = helloOf(other)
  const { cluster } = a.cluster.charter.state
  const { membership: _, card: __, ...bare } = own
  const said: [Hello, string][] = [
    [{ ...bare, cluster }, 'membership.required'],
    [{ ...own, cluster }, 'membership.other-cluster'],
    [own, 'hello.other-cluster'],
    [{ ...own, versions: [0] }, 'hello.version'],
    [{ ...own, versions: [3, 4] }, 'hello.version'],
    [{ ...own, cluster, membership: b.cluster.own.document }, 'membership.node'],
  ]
  for (const [hello, code] of said) {
    const reply = await swarm.outcome(rawHello(outsider, a.peer, hello))
    assert.is(reply.outcome === 'refused' && reply.code, code)
    for (const protocol of [PROTOCOLS.control, PROTOCOLS.blob]) {
      const stream = await swarm.outcome(outsider.open(a.peer, protocol))
      assert.is(await codeOf(() => swarm.outcome(stream.read())), 'stream.reset', `${protocol} after ${code}`)
    }
  }
  assert.equal([swarm.seenBy(a), served], [['b alive'], 0])
  await swarm.stop()
})

test('a node that was removed is told so at hello, and its own gate is its only way in', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const c = await swarm.node('c', { openGate: true, seeds: [a, b] })
  await c.start()
  await swarm.pass(3_000)
  await a.cluster.amend({ type: 'remove-member', member: b.peer }, swarm.admin)
  a.swarm.charterChanged()
  await swarm.pass(1_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(c)], [['c alive'], ['a alive']], 'it reached a third party')
  assert.is(c.cluster.charter.updates.length, 1)
  for (const node of [a, c]) assert.ok(node.events.at(-1)?.endsWith('lost b'), `${node.events}`)

  const reply = await swarm.outcome(rawHello(b.transport, c.peer, helloOf(b)))
  assert.is(reply.outcome === 'refused' && reply.code, 'membership.removed')
  await swarm.pass(60_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(c), swarm.seenBy(b)], [['c alive'], ['a alive'], []])
  assert.is(b.swarm.refusedHellos().get(c.peer)?.code, 'membership.removed')
  for (const node of [a, c]) assert.is(node.swarm.refusedHellos().size, 0, 'nobody calls it any more')
  await swarm.stop()
})

test('a member that was away for a removal learns it from a hello', async () => {
  const [swarm, a, b, c] = await swarmOf('a', 'b', 'c')
  swarm.cut(a, c)
  swarm.cut(b, c)
  await swarm.pass(20_000)
  await a.cluster.amend({ type: 'remove-member', member: b.peer }, swarm.admin)
  a.swarm.charterChanged()
  await swarm.pass(1_000)
  swarm.heal(b, c)
  await swarm.until(() => c.swarm.members().length === 1, 35_000)
  assert.equal(swarm.seenBy(c), ['b alive'], 'it does not know yet')
  swarm.heal(a, c)
  await swarm.until(() => swarm.seenBy(c).includes('a alive'), 35_000)
  await swarm.pass(1_000)
  assert.equal(swarm.seenBy(c), ['a alive'])
  await swarm.stop()
})

test('who leaves is gone at once, and stays gone', async () => {
  const [swarm, a, b, c] = await swarmOf('a', 'b', 'c')
  await swarm.pass(10)
  await swarm.outcome(b.swarm.sayGoodbye(await b.cluster.leave()))
  await swarm.pass(100)
  assert.equal([swarm.seenBy(a), swarm.seenBy(c)], [['c alive'], ['a alive']])
  for (const node of [a, c]) assert.ok(node.events.at(-1)?.endsWith('lost b'))
  await swarm.pass(60_000)
  assert.equal([swarm.seenBy(a), swarm.seenBy(c)], [['c alive'], ['a alive']], 'its old membership lets nobody in')
  assert.is(b.swarm.refusedHellos().get(a.peer)?.code, 'membership.left')
  for (const node of [a, c]) assert.is(node.swarm.refusedHellos().size, 0, 'nobody calls it any more')
  a.swarm.noteAddress(`/memory/${b.peer}/p2p/${b.peer}`) // as mDNS would
  await swarm.pass(2_000)
  assert.equal([swarm.seenBy(a), a.swarm.refusedHellos().get(b.peer)?.code], [['c alive'], 'membership.left'])
  await swarm.stop()
})

test('only its own word takes a member out', async () => {
  const [swarm, a, b, c] = await swarmOf('a', 'b', 'c')
  const leave = await b.cluster.leave()
  await swarm.outcome(c.swarm.send(a.peer, { type: 'leave', leave: { ...leave, by: c.key.publicKey } }))
  await swarm.pass(100)
  assert.equal(swarm.seenBy(a), ['b alive', 'c alive'])
  await swarm.stop()
})

const broken: Record<string, (from: VirtualNode, other: VirtualNode) => Uint8Array> = {
  'is no message': () => Uint8Array.of(1, 2, 3),
  'is of no known kind': () => controlMessageCodec.encode({ type: 'nonsense' } as unknown as ControlMessage),
  'is a card of another': (_, other) =>
    controlMessageCodec.encode({ type: 'card', card: signDocument(nodeCardCodec, other.swarm.card(), other.key) }),
  'is a forged charter update': (from, other) => {
    const update = signDocument(nodeCardCodec, other.swarm.card(), from.key)
    return controlMessageCodec.encode({ type: 'charter', updates: [update] })
  },
}
for (const [what, make] of Object.entries(broken))
  test(`a peer is cut off for a while when too much of what it says ${what}`, async () => {
    const [swarm, a, b, c] = await swarmOf('a', 'b', 'c')
    const talk = channel(await swarm.outcome(b.transport.open(a.peer, PROTOCOLS.control)))
    const bad = make(b, c)
    for (let i = 0; i < 15; i++) await talk.send(bad)
    await swarm.pass(500)
    assert.equal(swarm.seenBy(a), ['b alive', 'c alive'], 'a few offences are borne')
    await talk.send(bad)
    await swarm.pass(500)
    assert.equal(swarm.seenBy(a), ['c alive'])
    await swarm.pass(20_000)
    assert.equal(swarm.seenBy(a), ['c alive'], 'it does not come straight back')
    assert.is(b.swarm.refusedHellos().get(a.peer)?.code, 'peer.offender')
    await swarm.until(() => swarm.seenBy(a).length === 2, 120_000)
    await swarm.stop()
  })

test('bytes that are no frames are offences, too; a lost stream is none', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const send = async (bytes: Uint8Array | undefined) => {
    const stream = await swarm.outcome(b.transport.open(a.peer, PROTOCOLS.control))
    if (bytes) await stream.write([bytes])
    else stream.abort(new Error('gone'))
    await swarm.pass(50)
  }
  for (let i = 0; i < 20; i++) await send(undefined)
  assert.equal(swarm.seenBy(a), ['b alive'])
  for (let i = 0; i < 16; i++) await send(new Uint8Array(64).fill(i))
  await swarm.pass(100)
  assert.equal(swarm.seenBy(a), [])
  await swarm.stop()
})

test('saying hello again does not wipe out offences', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  for (let round = 0; round < 2; round++) {
    const talk = channel(await swarm.outcome(b.transport.open(a.peer, PROTOCOLS.control)))
    for (let i = 0; i < 8; i++) await talk.send(Uint8Array.of(0))
    await swarm.pass(100)
    if (round === 0) await swarm.outcome(b.swarm.join(a.peer))
  }
  await swarm.pass(100)
  assert.equal(swarm.seenBy(a), [])
  await swarm.stop()
})

test('a full disk under a charter update costs the update, not the node', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  await a.cluster.amend({ type: 'admission', admission: 'approval' }, swarm.admin)
  b.disk.failing = true
  a.swarm.charterChanged()
  await swarm.pass(1_000)
  assert.is(b.cluster.charter.updates.length, 0)
  b.disk.failing = false
  a.swarm.charterChanged()
  await swarm.pass(1_000)
  assert.is(b.cluster.charter.updates.length, 1)
  await swarm.stop()
})

test('a stranger that opens a hello and says nothing is shown out', async () => {
  const [swarm, a] = await swarmOf('a', 'b')
  const { peer } = await new VirtualSwarm().node('silent')
  const silent = swarm.network.transport(peer)
  await silent.start()
  await swarm.outcome(silent.connect([`/memory/${a.peer}`]))
  const stream = await swarm.outcome(silent.open(a.peer, PROTOCOLS.hello))
  const openMs = swarm.clock.monoMs()
  assert.is(await codeOf(() => swarm.outcome(stream.read())), 'stream.reset')
  assert.ok(swarm.clock.monoMs() - openMs <= limit('helloMs') + 100)
  await swarm.stop()
})

test('a newcomer joins by a ticket over the network, and says hello as a member', async () => {
  const [swarm, a] = await swarmOf('a', 'b')
  const key = swarm.key()
  const peer = peerIdOf(key.publicKey)
  const expiresWallMs = swarm.clock.wallMs() + 60_000
  const ticket = a.door.invite({ seeds: [`/memory/${a.peer}`], role: 'worker', uses: 1, expiresWallMs })
  const { cluster } = a.cluster.charter.state
  const transport = swarm.network.transport(peer)
  await transport.start()
  const hello: Hello = { versions: [1], software: 'new', cluster, ticket, charterLength: 0 }
  const reply = await swarm.outcome(rawHello(transport, a.peer, hello))
  if (reply.outcome !== 'welcome') throw new Error(JSON.stringify(reply))
  const store = new ClusterStore(memoryDisk(), '/new')
  const joined = await Cluster.join({ node: key, store, clock: swarm.clock }, cluster, a.peer, reply)
  assert.is(joined.own.role, 'worker')
  assert.equal(swarm.seenBy(a), ['b alive'], 'without a card it is not admitted yet')
  await swarm.stop()
})

test('to whom is not here nothing is sent, and nothing is left when a node stops', async () => {
  const [swarm, a, b] = await swarmOf('a', 'b')
  const stranger = accountIdOf(swarm.key().publicKey)
  assert.is(await codeOf(() => a.swarm.send(stranger, heartbeat(1))), 'peer.not-connected')
  assert.is(await codeOf(() => a.swarm.open(stranger, PROTOCOLS.blob)), 'peer.not-connected')
  assert.is(await codeOf(() => swarm.outcome(a.swarm.join(stranger))), 'peer.unreachable')
  await b.swarm.stop()
  await swarm.pass(100)
  assert.equal(swarm.seenBy(a), ['b suspect'], 'a closed connection is suspicious at once')
  await swarm.stop()
  await swarm.pass(60_000)
  assert.is(swarm.clock.pending, 0)
})

test.run()
