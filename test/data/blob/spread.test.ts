import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, limit, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import {
  type BlobStore,
  type FetchReport,
  fetchBlob,
  memoryBlobStore,
  type OpenProvider,
  Spread,
  serveBlobs,
  treeOfBytes,
  UploadTurns,
} from '../../../runtime/data/blob/index.ts'
import { blobReplyCodec } from '../../../runtime/data/blob/protocol.ts'
import type { Channel } from '../../../runtime/swarm/wire/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'
import { channelPair } from './channel-pair.ts'

const MiB = 1024 * 1024
const random = seededRandom(29)
const contentOf = (chunks: number) => {
  const bytes = new Uint8Array(chunks * MiB - 7)
  for (let at = 0; at < bytes.byteLength; at += MiB) bytes.set(random.bytes(32), at)
  return bytes
}
const peerOf = (name: string) => `12D3Koo${name.padEnd(45, '1')}`

/** What a node does to the chunks it sends; `undefined` keeps silent. */
type Tamper = (index: number, body: Uint8Array) => Uint8Array | undefined

interface Node {
  readonly peer: string
  readonly store: BlobStore
  sent: number
  tamper: Tamper
  readonly offences: [string, string][]
  /** Ends its streams and answers no more. */
  vanish(): void
}

/** An origin, and workers that know of nobody but it; in virtual time, over channels that take none. */
class World {
  readonly clock = new VirtualClock()
  readonly nodes = new Map<string, Node>()
  readonly #open = new Map<string, Set<Channel>>()

  async node(name: string, content?: Uint8Array): Promise<Node> {
    const store = await memoryBlobStore({ clock: this.clock })
    if (content) await store.put(content)
    const peer = peerOf(name)
    const channels = new Set<Channel>()
    this.#open.set(peer, channels)
    const gone = { value: false }
    const node: Node = {
      ...{ peer, store, sent: 0, offences: [], tamper: (_: number, body: Uint8Array) => body },
      vanish: () => {
        gone.value = true
        for (const channel of channels) channel.abort(new Error('gone'))
      },
    }
    const [spread, turns] = [new Spread(), new UploadTurns(this.clock)]
    this.#serve.set(peer, (far) => {
      if (gone.value) throw new Error('unreachable')
      channels.add(far)
      const tampering: Channel = {
        ...far,
        async send(header, body = [], options) {
          const reply = blobReplyCodec.decode(header)
          const bytes = new Uint8Array(Buffer.concat(body))
          const sent = reply.type === 'chunk' ? node.tamper(reply.index, bytes) : bytes
          if (sent) await far.send(header, [sent], options)
          if (sent && reply.type === 'chunk') node.sent += sent.byteLength
        },
      }
      serveBlobs(tampering, store, { spread, turns, authorise: () => 'job' }).catch(() => {})
    })
    this.nodes.set(peer, node)
    return node
  }

  readonly #serve = new Map<string, (far: Channel) => void>()
  /** Whom anybody opened a stream to. */
  readonly reached: string[] = []

  /** A peer that serves in its own way. */
  serve(name: string, handler: (far: Channel) => void): void {
    this.#serve.set(peerOf(name), handler)
  }

  reach(from: string, to: string): OpenProvider {
    return async () => {
      const { near, far } = channelPair({ near: from, far: to })
      this.reached.push(to)
      this.#serve.get(to)!(far)
      return near
    }
  }

  fetch(node: Node, origin: Node, content: Uint8Array, known: readonly string[] = [], seed = 1): Promise<FetchReport> {
    return fetchBlob({
      root: treeOfBytes(content).root,
      providers: [this.reach(node.peer, origin.peer)],
      coWorkers: { known, reach: (peer) => this.reach(node.peer, peer), random: seededRandom(seed) },
      store: node.store,
      clock: this.clock,
      offended: (peer: string, error: AividaError) => node.offences.push([peer, error.code]),
    })
  }

  /** Lets time pass until all of these have settled. */
  async settled<T>(work: Promise<T>[]): Promise<PromiseSettledResult<T>[]> {
    let over = false
    const all = Promise.allSettled(work).finally(() => {
      over = true
    })
    for (let turn = 0; !over; turn++) {
      await this.clock.advanceAsync(turn % 40 === 39 ? 50 : 0)
      if (turn > 500_000) throw new Error('it never ends')
    }
    return all
  }
}

async function arrived(node: Node, content: Uint8Array): Promise<void> {
  assert.ok(Buffer.from(content).equals(await node.store.readAll(treeOfBytes(content).root, { verify: true })))
}

async function spread(world: World, workers: number, content: Uint8Array) {
  const origin = await world.node('origin', content)
  const crew: Node[] = []
  for (let i = 0; i < workers; i++) crew.push(await world.node(`w${i + 1}`))
  return { origin, crew, fetching: crew.map((node, i) => world.fetch(node, origin, content, [], i + 1)) }
}

test('one copy goes up, and the workers pass the rest around', async () => {
  for (const workers of [2, 5]) {
    const world = new World()
    const content = contentOf(12)
    const { origin, crew, fetching } = await spread(world, workers, content)
    for (const outcome of await world.settled(fetching)) assert.is(outcome.status, 'fulfilled')
    for (const node of crew) await arrived(node, content)
    assert.ok(origin.sent < 1.25 * content.byteLength, `${workers}: ${origin.sent / content.byteLength} copies`)
    for (const node of crew) assert.ok(node.sent > 0, 'everybody passes something on')
    assert.is(world.clock.pending, 0, 'no timer is left')
  }
})

test('one that lies is named, never asked again, and costs nobody the blob', async () => {
  const world = new World()
  const content = contentOf(12)
  const { crew, fetching } = await spread(world, 4, content)
  const [liar, ...honest] = crew as [Node, ...Node[]]
  liar.tamper = (_, body) => body.map((byte, i) => (i === 5 ? byte ^ 1 : byte))
  for (const outcome of await world.settled(fetching)) assert.is(outcome.status, 'fulfilled')
  for (const node of crew) await arrived(node, content)
  for (const { offences } of honest) assert.equal(offences, [[liar.peer, 'blob.wrong-chunk']])
  assert.equal(liar.offences, [])
})

test('a provider that vanishes, or falls silent, takes nothing with it', async () => {
  for (const end of ['vanish', 'silence'] as const) {
    const world = new World()
    const content = contentOf(12)
    const { origin, crew, fetching } = await spread(world, 4, content)
    const [doomed, ...rest] = crew as [Node, ...Node[]]
    let given = 0
    doomed.tamper = (_, body) => {
      if (++given < 3) return body
      if (end === 'vanish') doomed.vanish()
      return undefined
    }
    const outcomes = await world.settled(fetching.slice(1))
    for (const outcome of outcomes) assert.is(outcome.status, 'fulfilled')
    for (const node of rest) await arrived(node, content)
    assert.ok(world.clock.monoMs() < limit('blobReplyMs'), 'nobody waited for it')
    assert.ok(origin.sent < 1.8 * content.byteLength, `${origin.sent / content.byteLength} copies`)
  }
})

test('when the origin goes, workers that have all of it between them still end', async () => {
  const world = new World()
  const content = contentOf(16)
  const { origin, crew, fetching } = await spread(world, 4, content)
  const given = new Set<number>()
  origin.tamper = (index, body) => {
    if (given.size === 16) return undefined
    given.add(index)
    if (given.size === 16) setImmediate(() => setImmediate(() => origin.vanish()))
    return body
  }
  for (const outcome of await world.settled(fetching)) assert.is(outcome.status, 'fulfilled')
  for (const node of crew) await arrived(node, content)
})

test('when a chunk is nowhere any more, the fetch ends and says so', async () => {
  const world = new World()
  const content = contentOf(8)
  const { origin, fetching } = await spread(world, 2, content)
  let given = 0
  origin.tamper = (_, body) => {
    if (++given < 6) return body
    origin.vanish()
    return undefined
  }
  for (const outcome of await world.settled(fetching)) {
    assert.is(outcome.status, 'rejected')
    if (outcome.status === 'rejected') assert.is(outcome.reason.code, 'blob.no-provider')
  }
  assert.ok(world.clock.monoMs() < 3 * limit('blobReplyMs'))
})

test('one that comes later gets all of it from co-workers it was told of, and little from the origin', async () => {
  const world = new World()
  const content = contentOf(14)
  const { origin, crew, fetching } = await spread(world, 3, content)
  await world.settled(fetching)
  const [before, late] = [origin.sent, await world.node('late')]
  const known = crew.map(({ peer }) => peer)
  await world.settled([world.fetch(late, origin, content, known)])
  await arrived(late, content)
  assert.ok(origin.sent - before <= 5 * MiB, `${origin.sent - before} bytes more`)
})

test('one that comes later and finds nobody gets all of it from the origin at once', async () => {
  const world = new World()
  const content = contentOf(12)
  const { origin, crew, fetching } = await spread(world, 3, content)
  await world.settled(fetching)
  for (const node of crew) node.vanish()
  const [late, startMs] = [await world.node('late'), world.clock.monoMs()]
  const known = crew.map(({ peer }) => peer)
  await world.settled([world.fetch(late, origin, content, known)])
  await arrived(late, content)
  assert.ok(world.clock.monoMs() - startMs < 1_000, 'no chunk was held back for them')
})

test('only the origin names co-workers: what others say of peers sends nobody anywhere', async () => {
  const world = new World()
  const content = contentOf(6)
  const origin = await world.node('origin', content)
  const [worker, stranger] = [await world.node('worker'), await world.node('stranger', content)]
  world.serve('gossip', async (far) => {
    await far.receive()
    const sizeBytes = content.byteLength
    await far.send(blobReplyCodec.encode({ type: 'tree', sizeBytes, have: new Uint8Array(1) }))
    await far.send(blobReplyCodec.encode({ type: 'news', have: [], peers: [stranger.peer] }))
  })
  await world.settled([world.fetch(worker, origin, content, [peerOf('gossip')])])
  await arrived(worker, content)
  assert.ok(world.reached.includes(peerOf('gossip')))
  assert.not(world.reached.includes(stranger.peer))
})

test('turns go round: one chunk a peer at a time, so many at once, and no longer than a reply may take', async () => {
  const clock = new VirtualClock()
  const turns = new UploadTurns(clock)
  const order: string[] = []
  const first = await turns.take('greedy')
  for (let i = 0; i < 3; i++) void turns.take('greedy').then(() => order.push('greedy'))
  for (let i = 1; i < limit('blobUploads'); i++) await turns.take(`peer-${i}`)
  void turns.take('late').then(() => order.push('late'))
  await clock.advanceAsync(0)
  assert.equal(order, [])
  first()
  first()
  await clock.advanceAsync(0)
  assert.equal(order, ['greedy'])
  await clock.advanceAsync(limit('blobReplyMs'))
  assert.ok(order.includes('late'), 'those who let their chunk lie hold up nobody any longer')
})

test('a co-worker that serves a part says which, and what comes later', async () => {
  const content = contentOf(3)
  const tree = treeOfBytes(content)
  const store = await memoryBlobStore({ clock: systemClock })
  const partial = await store.partial(tree)
  const chunk = (i: number) => content.subarray(i * MiB, (i + 1) * MiB)
  await partial.write(1, chunk(1))
  const view = store.arriving(tree.root)!
  assert.equal(
    [0, 1, 2].map((i) => view.has(i)),
    [false, true, false],
  )
  const came: number[] = []
  const stop = view.subscribe((index) => came.push(index))
  await refuses('blob.not-found', view.chunk(0))
  await partial.write(0, chunk(0))
  stop()
  await partial.write(2, chunk(2))
  assert.equal(came, [0])
  assert.ok(Buffer.from(chunk(0)).equals(await view.chunk(0)))
  await partial.commit()
  await refuses('blob.not-found', view.chunk(0))
  assert.is(store.arriving(tree.root), undefined)
})

test.run()
