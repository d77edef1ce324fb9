import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, limit, seededRandom } from '../../../runtime/base/index.ts'
import {
  type ByteStream,
  type MemoryNetwork,
  type MemoryNetworkInit,
  memoryNetwork,
  type Transport,
} from '../../../runtime/swarm/transport/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('network in memory')

interface World {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly a: Transport
  readonly b: Transport
  /** Events as `ms a event peer`. */
  readonly events: string[]
}

async function world(init: Partial<MemoryNetworkInit> = {}): Promise<World> {
  const clock = new VirtualClock()
  const network = memoryNetwork({ clock, random: seededRandom(1), latencyMs: 10, ...init })
  const [a, b] = [network.transport('a'), network.transport('b')]
  await Promise.all([a.start(), b.start()])
  const events: string[] = []
  for (const [name, transport] of [
    ['a', a],
    ['b', b],
  ] as const) {
    transport.subscribe({
      connected: ({ peer }) => events.push(`${clock.monoMs()} ${name} connected ${peer}`),
      disconnected: (peer) => events.push(`${clock.monoMs()} ${name} disconnected ${peer}`),
    })
  }
  return { clock, network, a, b, events }
}

/** A stream from a to b, both ends. */
async function joined({ clock, a, b }: World): Promise<[ByteStream, ByteStream]> {
  const accepted = Promise.withResolvers<ByteStream>()
  b.handle('/t', async (stream) => accepted.resolve(stream))
  const connecting = a.connect(b.addresses())
  await clock.advanceAsync(20)
  await connecting
  const opening = a.open('b', '/t')
  await clock.advanceAsync(20)
  return [await opening, await accepted.promise]
}

test('takes the latency that it is given, by the injected clock', async () => {
  const w = await world()
  const [near, far] = await joined(w)
  assert.equal(w.events, ['10 b connected a', '20 a connected b'])
  let readAtMs = 0
  const reading = far.read().then(() => {
    readAtMs = w.clock.monoMs()
  })
  await near.write([Uint8Array.of(1)])
  await w.clock.advanceAsync(100)
  await reading
  assert.is(readAtMs, 50)
})

test('keeps the order under a drawn latency, the same for the same seed', async () => {
  const run = async (): Promise<string[]> => {
    const w = await world({ latencyMs: [0, 50], random: seededRandom(5) })
    w.b.handle('/t', async (stream) => {
      for (let i = 0; i < 20; i++) w.events.push(`${w.clock.monoMs()} read ${(await stream.read())?.[0]}`)
    })
    const connecting = w.a.connect(w.b.addresses())
    await w.clock.advanceAsync(200)
    await connecting
    const opening = w.a.open('b', '/t')
    await w.clock.advanceAsync(200)
    const stream = await opening
    for (let i = 0; i < 20; i++) await stream.write([Uint8Array.of(i)])
    await w.clock.advanceAsync(1_000)
    return w.events
  }
  const [first, second] = [await run(), await run()]
  assert.equal(first, second)
  assert.equal(
    first.flatMap((event) => event.match(/read (\d+)/)?.[1] ?? []).map(Number),
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test('what is sent during a cut arrives when it heals', async () => {
  const w = await world()
  const [near, far] = await joined(w)
  w.network.cut('a', 'b')
  await near.write([Uint8Array.of(7)])
  const reading = far.read()
  await w.clock.advanceAsync(limit('lostAfterMs') - 1_000)
  assert.is(w.b.connections().length, 1)
  w.network.heal('b', 'a')
  assert.equal(await reading, Uint8Array.of(7))
  await w.clock.advanceAsync(limit('lostAfterMs'))
  assert.is(w.b.connections().length, 1, 'a healed cut leaves no trace')
})

test('a cut that lasts ends the connection on both sides, and no new one comes about', async () => {
  const w = await world()
  const [near, far] = await joined(w)
  w.events.length = 0
  w.network.cut('a', 'b')
  const reads = [near.read(), far.read()].map((read) => read.catch((error) => error))
  await w.clock.advanceAsync(limit('lostAfterMs'))
  assert.ok((await Promise.all(reads)).every((error) => isAividaError(error, 'stream.lost')))
  assert.equal(w.events, [
    `${40 + limit('lostAfterMs')} a disconnected b`,
    `${40 + limit('lostAfterMs')} b disconnected a`,
  ])

  const dialling = w.a.connect(w.b.addresses()).catch((error) => error)
  await w.clock.advanceAsync(limit('dialMs'))
  assert.ok(isAividaError(await dialling, 'peer.unreachable'))
  w.network.heal('a', 'b')
  await w.clock.advanceAsync(100)
  assert.equal([...w.a.connections(), ...w.b.connections()], [], 'the dial that was given up leads to nothing')
  const again = w.a.connect(w.b.addresses())
  await w.clock.advanceAsync(20)
  assert.is((await again).peer, 'b')
})

test('an opening that finds no answer is given up in time', async () => {
  const w = await world({ idleMs: 10 * limit('openStreamMs') })
  await joined(w)
  w.network.cut('a', 'b')
  const opening = w.a.open('b', '/t').catch((error) => error)
  await w.clock.advanceAsync(limit('openStreamMs'))
  assert.ok(isAividaError(await opening, 'timeout'))
})

test('a killed peer is missed after the idle time, and can come back', async () => {
  const w = await world()
  const [near] = await joined(w)
  const reading = near.read().catch((error) => error)
  w.network.kill('b')
  await w.clock.advanceAsync(limit('lostAfterMs') - 1)
  assert.is(w.a.connections().length, 1)
  await w.clock.advanceAsync(1)
  assert.ok(isAividaError(await reading, 'stream.lost'))
  assert.is(w.a.connections().length, 0)

  await w.network.transport('b').start()
  const again = w.a.connect(['/memory/b/p2p/b'])
  await w.clock.advanceAsync(20)
  assert.is((await again).peer, 'b')
})

test('nothing is left of a stopped network', async () => {
  const w = await world()
  await joined(w)
  await Promise.all([w.a.stop(), w.b.stop()])
  await w.clock.advanceAsync(limit('lostAfterMs'))
  assert.is(w.clock.pending, 0)
})

test.run()
