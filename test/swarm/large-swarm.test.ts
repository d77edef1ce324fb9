// timeout: 180 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import { PROTOCOLS } from '../../runtime/protocol/index.ts'
import { addressOf, cpu, heartbeat, type VirtualNode, VirtualSwarm } from '../support/virtual-swarm.ts'
import { isOneComponent } from './fleet/fleet.ts'

const test = suite('a large swarm in virtual time')

/** A swarm of this many started nodes, all of which know of each other. */
async function swarmOf(count: number): Promise<VirtualSwarm> {
  const swarm = new VirtualSwarm()
  for (let i = 0; i < count; i++) await swarm.node(`n${i}`)
  for (const node of swarm.nodes) {
    watch(node)
    await node.start()
  }
  await swarm.until(() => reach(swarm.nodes, count - 1), 10_000, 'knowing of each other')
  return swarm
}

/** What all nodes wrote to their streams. */
const sent = { writes: 0, bytes: 0 }

/** Counts what a node writes. */
function watch({ transport }: VirtualNode): void {
  const open = transport.open.bind(transport)
  transport.open = async (...args) => {
    const stream = await open(...args)
    const write = stream.write.bind(stream)
    stream.write = (pieces, options) => {
      sent.writes++
      for (const { byteLength } of pieces) sent.bytes += byteLength
      return write(pieces, options)
    }
    return stream
  }
}

const reach = (nodes: readonly VirtualNode[], count: number) =>
  nodes.every(({ swarm }) => swarm.network().reachable === count)

const isOne = (nodes: readonly VirtualNode[]) =>
  isOneComponent(nodes.map(({ peer, swarm }) => ({ peer, links: swarm.members().map((member) => member.peer) })))

/** A member that `node` has no link to. */
const farFrom = (swarm: VirtualSwarm, node: VirtualNode) =>
  swarm.nodes.find(({ peer }) => peer !== node.peer && !node.swarm.members().some((member) => member.peer === peer))!

/** Cuts, or heals, every pair across the line between two groups. */
function across(swarm: VirtualSwarm, what: 'cut' | 'heal', left: readonly VirtualNode[]): void {
  const right = swarm.nodes.filter((node) => !left.includes(node))
  for (const a of left) for (const b of right) swarm[what](a, b)
}

test('a hundred nodes on two islands that meet by one address become one, with few links at a bounded cost', async () => {
  const swarm = new VirtualSwarm()
  for (let i = 0; i < 100; i++) await swarm.node(`n${i}`, { begin: [] })
  const sides = [swarm.nodes.slice(0, 50), swarm.nodes.slice(50)]
  for (const side of sides)
    for (const node of side) {
      watch(node)
      await node.start()
      if (node !== side[0]) node.swarm.noteAddress(addressOf(side[0]!.peer))
    }
  await swarm.until(() => sides.every((side) => reach(side, 49)), 10_000, 'forming two islands')
  for (const side of sides) assert.ok(isOne(side))
  assert.not(isOne(swarm.nodes))

  swarm.nodes[7]!.swarm.noteAddress(addressOf(swarm.nodes[77]!.peer)) // as mDNS would
  await swarm.until(() => reach(swarm.nodes, 99), 10_000, 'merging')
  await swarm.pass(4_000)
  assert.ok(isOne(swarm.nodes))

  Object.assign(sent, { writes: 0, bytes: 0 })
  await swarm.pass(2_000)
  const links = swarm.nodes.reduce((sum, node) => sum + node.swarm.members().length, 0) / 100
  const [writes, bytes] = [sent.writes / 100 / 2, sent.bytes / 100 / 2]
  assert.ok(links < 36, `${links} links of a node, those that will be closed included`)
  assert.ok(writes > links && writes < 3 * links, `${writes} messages of a node in a second`)
  assert.ok(bytes < 24_000, `${bytes} bytes of a node in a second`)
  await swarm.stop()
})

test('a split is said on both sides, and heals by itself', async () => {
  const swarm = await swarmOf(20)
  const left = swarm.nodes.slice(0, 10)
  across(swarm, 'cut', left)
  const haveNoticed = () => swarm.nodes.every((node) => node.swarm.network().island?.kind === 'minority')
  await swarm.until(haveNoticed, limit('farLostAfterMs') + 20_000, 'noticing the split')
  for (const side of [left, swarm.nodes.slice(10)]) assert.ok(isOne(side) && reach(side, 9))
  const { island, missing } = left[0]!.swarm.network()
  assert.is(missing.length, 10)
  assert.match(island!.message, /only 9 of 19 members that were about can be reached, since 2026-/)
  assert.ok(left[0]!.warnings.includes('network.minority'))
  across(swarm, 'heal', left)
  await swarm.until(() => isOne(swarm.nodes) && reach(swarm.nodes, 19), 45_000, 'merging')
  await swarm.pass(2_000)
  assert.ok(swarm.nodes.every((node) => !node.swarm.network().island && node.swarm.network().missing.length === 0))
  await swarm.stop()
})

/** A swarm in which not everybody has a link to everybody any more. */
const sparse = async () => {
  const swarm = await swarmOf(24)
  await swarm.pass(limit('linkIdleMs') + 10_000)
  return swarm
}

test('what is sent to a member without a link makes one, which goes when it is not used', async () => {
  const swarm = await sparse()
  const [a] = swarm.nodes
  const b = farFrom(swarm, a!)
  const heard: string[] = []
  b.swarm.on('settled', (from, { leases }) => heard.push(`${swarm.nameOf(from)} ${leases}`))
  b.swarm.serve(PROTOCOLS.blob, async (channel) => channel.end())
  await swarm.outcome(
    Promise.all([
      a!.swarm.send(b.peer, { type: 'settled', leases: ['1'] }),
      a!.swarm.send(b.peer, { type: 'settled', leases: ['2'] }),
    ]),
  )
  await swarm.pass(100)
  assert.equal(heard, ['n0 1', 'n0 2'])
  await swarm.outcome(a!.swarm.open(b.peer, PROTOCOLS.blob))
  const isLinked = () => a!.swarm.members().some(({ peer }) => peer === b.peer)
  assert.ok(isLinked())
  for (const { events } of swarm.nodes) events.length = 0

  // Meanwhile: changed devices reach members without a link, and so does a removal.
  a!.devices = [cpu(7)]
  a!.swarm.refreshCard()
  const know = () =>
    swarm.nodes.every(({ swarm: each, peer }) => peer === a!.peer || each.cardOf(a!.peer)?.devices[0]?.slots === 7)
  const tookMs = await swarm.until(know, 10_000)
  assert.ok(tookMs <= 6_000, `${tookMs} ms`)
  const [removed] = swarm.nodes.filter((node) => node !== a && node !== b).slice(-1)
  await a!.cluster.amend({ type: 'remove-member', member: removed!.peer }, swarm.admin)
  a!.swarm.charterChanged()
  const rest = swarm.nodes.filter((node) => node !== removed)
  await swarm.until(() => rest.every((node) => node.swarm.cardOf(removed!.peer) === undefined), 5_000)

  await swarm.until(() => !isLinked(), limit('linkIdleMs') + 10_000)
  await swarm.pass(2_000)
  const told = [...a!.events, ...b.events].filter((event) => /suspect|lost/.test(event))
  assert.ok(
    told.every((event) => event.endsWith(removed!.name)),
    `${told}: the end of a link is no loss`,
  )
  assert.ok(reach(rest, 22), 'nobody brings back who was removed')
  await swarm.stop()
})

test('a member without a link that dies is lost in time; one that is out of reach is not offered', async () => {
  const swarm = await sparse()
  const [a] = swarm.nodes
  const dead = farFrom(swarm, a!)
  const cut = swarm.nodes.find((node) => node !== a && node !== dead && !linked(a!, node))!
  swarm.network.kill(dead.peer)
  swarm.cut(a!, cut)
  a!.events.length = 0
  const sending = a!.swarm.send(cut.peer, heartbeat(1)).then(
    () => 'sent',
    (error) => error.code,
  )
  assert.is(await swarm.outcome(sending), 'peer.unreachable')
  assert.ok(a!.events.at(-1)?.endsWith(`lost ${cut.name}`))
  const again = a!.swarm.send(cut.peer, heartbeat(1)).catch((error) => error.code)
  assert.is(await swarm.outcome(again), 'peer.not-connected', 'at once, for a while')
  swarm.heal(a!, cut)
  const isBack = () => a!.events.some((event) => event.endsWith(`card ${cut.name}`))
  await swarm.until(isBack, limit('awayMs') + 5_000)
  const losses = () => a!.events.filter((event) => event.endsWith(`lost ${dead.name}`))
  await swarm.until(() => losses().length > 0, limit('farLostAfterMs') + 20_000)
  await swarm.pass(10_000)
  assert.is(losses().length, 1, 'once')
  await swarm.stop()
})

const linked = (node: VirtualNode, other: VirtualNode) => node.swarm.members().some(({ peer }) => peer === other.peer)

test.run()
