import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, limit, peerError, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import {
  type BlobStore,
  type BlobTree,
  DiskBudget,
  type FetchOptions,
  fetchBlob,
  memoryBlobStore,
  type OpenProvider,
  type ServedStore,
  type ServeOptions,
  serveBlobs,
  treeOfBytes,
} from '../../../runtime/data/blob/index.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import type { Channel } from '../../../runtime/swarm/wire/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'
import { channelPair } from './channel-pair.ts'

const MiB = 1024 * 1024
const random = seededRandom(23)
/** Content in which no two chunks are equal. */
const contentOf = (sizeBytes: number) => {
  const bytes = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; at += MiB) bytes.set(random.bytes(Math.min(32, sizeBytes - at)), at)
  return bytes
}
const newStore = (budget = new DiskBudget()) => memoryBlobStore({ clock: systemClock, budget })
const storeOf = async (...contents: Uint8Array[]) => {
  const store = await newStore()
  for (const content of contents) await store.put(content)
  return store
}

interface Log {
  readonly requests: string[]
  served: number
}

/** What a provider does to the frames it sends: `undefined` ends the stream, `never` keeps silent. */
type Tamper = (reply: { type: string; index?: number }, body: Uint8Array) => Uint8Array | undefined | 'never'

/** A store of which nothing is arriving, where it does not say otherwise. */
const withArriving = (store: Pick<BlobStore, 'open'> & Partial<Pick<BlobStore, 'arriving'>>): ServedStore => ({
  open: (root, options) => store.open(root, options),
  arriving: (root) => store.arriving?.(root),
})

/** A provider over a channel pair, and what it was asked. */
function provider(
  peer: string,
  store: Pick<BlobStore, 'open'> & Partial<Pick<BlobStore, 'arriving'>>,
  options: { tamper?: Tamper } & Partial<ServeOptions> = {},
) {
  const log: Log = { requests: [], served: 0 }
  const { tamper, ...serve } = options
  const open: OpenProvider = async () => {
    const { near, far } = channelPair({ near: 'me', far: peer })
    const watched: Channel = {
      ...far,
      async receive(receiveOptions) {
        const frame = await far.receive(receiveOptions)
        if (frame) log.requests.push(blobRequestCodec.decode(frame.header).type)
        return frame
      },
      async send(header, body, sendOptions) {
        const bytes = new Uint8Array(Buffer.concat(body ?? []))
        const sent = tamper ? tamper(blobReplyCodec.decode(header), bytes) : bytes
        if (sent === 'never') return
        if (sent === undefined) return far.end()
        log.served += sent.byteLength
        await far.send(header, [sent], sendOptions)
      },
    }
    serveBlobs(watched, withArriving(store), { authorise: () => undefined, ...serve }).catch(() => {})
    return near
  }
  return { open, log }
}

const fetchInto = (
  store: BlobStore,
  content: Uint8Array,
  providers: OpenProvider[],
  more: Partial<FetchOptions> = {},
) => fetchBlob({ root: treeOfBytes(content).root, providers, store, clock: systemClock, ...more })

async function arrived(store: BlobStore, content: Uint8Array): Promise<void> {
  assert.ok(Buffer.from(content).equals(await store.readAll(treeOfBytes(content).root, { verify: true })))
}

test('blobs of every size arrive; small ones in one round trip', async () => {
  for (const sizeBytes of [0, 1, 1000, MiB, MiB + 1, 9 * MiB + 3]) {
    const content = contentOf(sizeBytes)
    const { open, log } = provider('a', await storeOf(content))
    const store = await newStore()
    const report = await fetchInto(store, content, [open], { sizeBytes, pin: { owner: 'job-1' } })
    assert.equal(report, { blob: treeOfBytes(content).root, sizeBytes, receivedBytes: sizeBytes, dropped: [] })
    assert.is(log.requests.length, sizeBytes <= MiB ? 1 : 1 + Math.ceil(sizeBytes / MiB))
    assert.equal(store.pinned('job-1').roots, [report.blob])
    await arrived(store, content)
  }
})

test('a blob that is here is pinned and not asked for', async () => {
  const content = contentOf(100)
  const store = await storeOf(content)
  const report = await fetchInto(store, content, [], { pin: { owner: 'job-1' } })
  assert.equal([report.sizeBytes, report.receivedBytes], [100, 0])
  assert.is(store.pinned('job-1').sizeBytes, 100)
})

test('several providers share the work', async () => {
  const content = contentOf(12 * MiB)
  const [a, b, c] = [
    provider('a', await storeOf(content)),
    provider('b', await storeOf(content)),
    provider('c', await storeOf(content)),
  ]
  const store = await newStore()
  await fetchInto(store, content, [a.open, b.open, c.open])
  await arrived(store, content)
  for (const { log } of [a, b, c]) assert.ok(log.served >= MiB, String(log.served))
})

test('one that lies about a chunk is dropped and named; another brings the rest', async () => {
  const content = contentOf(5 * MiB + 9)
  const liar = provider('liar', await storeOf(content), {
    tamper: (reply, body) => (reply.index === 2 ? body.map((byte, i) => (i === 77 ? byte ^ 1 : byte)) : body),
  })
  const honest = provider('honest', await storeOf(content))
  for (const parallel of [1, 2]) {
    const store = await newStore()
    const report = await fetchInto(store, content, [liar.open, honest.open], { parallel })
    await arrived(store, content)
    if (parallel === 1) {
      assert.equal(
        report.dropped.map(({ peer, error }) => [peer, error.code]),
        [['liar', 'blob.wrong-chunk']],
      )
      assert.match(report.dropped[0]!.error.message, 'chunk 2 from liar')
    }
  }
})

test('lies about small blobs, sizes and trees are found out before anything is kept', async () => {
  const [small, large] = [contentOf(100), contentOf(3 * MiB)]
  const source = await storeOf(small, large)
  const flipped: Tamper = (_, body) => body.map((byte) => byte ^ 1)
  const longer: Tamper = (_, body) => Uint8Array.of(...body, 0)
  const lies: [Uint8Array, Tamper, Partial<FetchOptions>, string][] = [
    [small, flipped, {}, 'blob.wrong-chunk'],
    [small, longer, {}, 'blob.wrong-chunk'],
    [small, (_, body) => body, { sizeBytes: 101 }, 'blob.protocol'],
    [large, (reply, body) => (reply.type === 'tree' ? body.map((byte) => byte ^ 1) : body), {}, 'blob.protocol'],
    [large, (reply, body) => (reply.type === 'tree' ? body.subarray(32) : body), {}, 'blob.protocol'],
    [large, (reply, body) => (reply.type === 'chunk' ? body.subarray(1) : body), {}, 'blob.wrong-chunk'],
  ]
  for (const [content, tamper, more, code] of lies) {
    const store = await newStore()
    const error = await refuses(
      'blob.no-provider',
      fetchInto(store, content, [provider('p', source, { tamper }).open], more),
    )
    assert.match(error.message, 'p')
    const report = await fetchInto(store, content, [provider('p', source, { tamper }).open, provider('q', source).open])
    if (more.sizeBytes === undefined)
      assert.equal(
        report.dropped.map(({ error }) => error.code),
        [code],
      )
    await arrived(store, content)
  }
})

test('what arrived before a provider went away is not asked for again', async () => {
  const content = contentOf(6 * MiB)
  const source = await storeOf(content)
  const store = await newStore()
  let left = 3
  const leaving = provider('leaving', source, {
    tamper: (reply, body) => (reply.type === 'chunk' && left-- <= 0 ? undefined : body),
  })
  const error = await refuses('blob.no-provider', fetchInto(store, content, [leaving.open]))
  assert.match(error.message, 'leaving ended the stream')
  assert.ok(error.retryable)
  const { open, log } = provider('back', source)
  const report = await fetchInto(store, content, [open])
  assert.is(report.receivedBytes, 3 * MiB)
  assert.is(log.requests.filter((type) => type === 'chunk').length, 3)
  await arrived(store, content)
})

test('an aborted fetch stops at once, and goes on later from where it was', async () => {
  const content = contentOf(12 * MiB)
  const source = await storeOf(content)
  const store = await newStore()
  const controller = new AbortController()
  let chunks = 0 // at most 8 are asked for ahead, so 3 have arrived when the 11th is sent
  const tamper: Tamper = (reply, body) => {
    if (reply.type === 'chunk' && ++chunks === 11) controller.abort()
    return body
  }
  const fetching = fetchInto(store, content, [provider('a', source, { tamper }).open], { signal: controller.signal })
  await refuses('aborted', fetching)
  const report = await fetchInto(store, content, [provider('b', source).open])
  assert.ok(report.receivedBytes > 0 && report.receivedBytes <= 9 * MiB, String(report.receivedBytes))
  await arrived(store, content)
  await refuses('aborted', fetchInto(await newStore(), content, [], { signal: AbortSignal.abort() }))
})

test('nothing is said about a blob without leave', async () => {
  const content = contentOf(3 * MiB)
  const source = await storeOf(content)
  const grant = Uint8Array.of(1, 2, 3)
  const shown: unknown[] = []
  const guard: Partial<ServeOptions> = {
    authorise(peer, request) {
      shown.push([peer, request.blob, request.grant])
      if (!request.grant) throw peerError('grant.missing', `${peer} shows no grant`)
    },
  }
  const { open } = provider('strict', source, guard)
  const store = await newStore()
  const error = await refuses('grant.missing', fetchInto(store, content, [open]))
  assert.match(error.message, 'strict')
  const absent = contentOf(10)
  await refuses('grant.missing', fetchInto(store, absent, [open]))
  await refuses('blob.not-found', fetchInto(store, absent, [open], { grant }))
  await fetchInto(store, content, [open], { grant })
  assert.equal(shown.at(-1), ['me', treeOfBytes(content).root, grant])
  await arrived(store, content)
})

test('when reasons differ, all of them are told', async () => {
  const content = contentOf(10)
  const empty = provider('empty', await newStore())
  const strict = provider('strict', await storeOf(content), {
    authorise() {
      throw peerError('grant.expired', 'the grant ended yesterday')
    },
  })
  const unreachable: OpenProvider = () => Promise.reject(peerError('peer.unreachable', 'no route'))
  const error = await refuses(
    'blob.no-provider',
    fetchInto(await newStore(), content, [empty.open, strict.open, unreachable]),
  )
  for (const reason of ['empty', 'ended yesterday', 'no route']) assert.match(error.message, reason)
  await refuses('blob.no-provider', fetchInto(await newStore(), content, []))
})

test('a provider’s own words for an error get no further than its refusal', async () => {
  const content = contentOf(10)
  const open: OpenProvider = async () => {
    const { near, far } = channelPair({ near: 'me', far: 'odd' })
    far
      .receive()
      .then(() => far.send(blobReplyCodec.encode({ type: 'refused', code: 'internal.crash', message: 'boo' })))
    return near
  }
  const error = await refuses('blob.no-provider', fetchInto(await newStore(), content, [open]))
  assert.match(error.message, 'odd refused: boo')
})

test('a silent provider is passed over after its time, a second one is asked before', async () => {
  const content = contentOf(4 * MiB)
  const source = await storeOf(content)
  const clock = new VirtualClock()
  const silent = () =>
    provider('silent', source, { tamper: (reply, body) => (reply.type === 'chunk' ? 'never' : body) })
  /** Lets time pass until the fetch has settled. */
  const moved = async <T>(fetching: Promise<T>): Promise<T> => {
    let settled = false
    const done = () => {
      settled = true
    }
    fetching.then(done, done)
    while (!settled && clock.monoMs() < 10 * limit('blobReplyMs')) {
      for (let turn = 0; turn < 10; turn++) await clock.advanceAsync(0)
      await clock.advanceAsync(100)
    }
    return fetching
  }
  const alone = moved(fetchInto(await newStore(), content, [silent().open], { clock }))
  assert.match((await refuses('blob.no-provider', alone)).message, 'took longer than 30000 ms')

  const store = await newStore()
  const startMs = clock.monoMs()
  const report = await moved(fetchInto(store, content, [silent().open, provider('b', source).open], { clock }))
  assert.ok(clock.monoMs() - startMs < limit('blobReplyMs'), 'the silent one was waited for')
  assert.equal(report.dropped, [])
  await arrived(store, content)
  assert.is(clock.pending, 0)
})

test('a full disk here is no provider’s fault, and keeps nothing', async () => {
  const content = contentOf(3 * MiB)
  const { open, log } = provider('a', await storeOf(content))
  const budget = new DiskBudget(2 * MiB)
  const store = await newStore(budget)
  await refuses('disk.budget', fetchInto(store, content, [open]))
  assert.is(log.requests.length, 1)
  const filling = await newStore()
  const full: BlobStore = Object.create(filling, {
    has: { value: () => false },
    partial: {
      async value(tree: BlobTree) {
        const partial = await filling.partial(tree)
        return { ...partial, write: () => Promise.reject(peerError('disk.full', 'made up')) }
      },
    },
  })
  await refuses('disk.full', fetchInto(full, content, [open, provider('b', await storeOf(content)).open]))
  assert.is(filling.usage(), 0)
})

test('a blob wanted twice at once travels once; if the first fails the second goes on', async () => {
  const content = contentOf(3 * MiB)
  const source = await storeOf(content)
  const store = await newStore()
  const a = provider('a', source)
  const reports = await Promise.all([fetchInto(store, content, [a.open]), fetchInto(store, content, [a.open])])
  assert.equal(
    reports.map(({ receivedBytes }) => receivedBytes),
    [3 * MiB, 0],
  )
  const other = await newStore()
  const controller = new AbortController()
  const waiting = fetchInto(other, content, [provider('c', source, { tamper: () => 'never' }).open], {
    signal: controller.signal,
  })
  const second = fetchInto(other, content, [a.open])
  const third = fetchInto(other, content, [a.open], { signal: AbortSignal.timeout(1) })
  await refuses('aborted', third)
  controller.abort()
  await refuses('aborted', waiting)
  assert.is((await second).receivedBytes, 3 * MiB)
})

test('a damaged disk makes a provider say that it has not got the blob', async () => {
  const content = contentOf(3 * MiB)
  const source = await storeOf(content)
  const damaged: Pick<BlobStore, 'open'> = {
    async open(root, options) {
      assert.ok(options?.verify)
      const blob = await source.open(root, options)
      const corrupt = new AividaError({
        code: 'blob.corrupt',
        category: 'platform',
        message: '',
        facts: { blob: root },
      })
      return { ...blob, chunk: (index) => (index === 1 ? Promise.reject(corrupt) : blob.chunk(index)) }
    },
  }
  await refuses('blob.not-found', fetchInto(await newStore(), content, [provider('a', damaged).open]))
})

test('a peer that breaks the protocol is cut off', async () => {
  const store = await storeOf(contentOf(10))
  for (const header of [blobRequestCodec.encode({ type: 'chunk', index: 0 }), Uint8Array.of(1, 2, 3)]) {
    const { near, far } = channelPair({ near: 'me', far: 'server' })
    const serving = serveBlobs(far, store, { authorise: () => undefined }).catch((error) => error)
    await near.send(header)
    await refuses('stream.reset', near.receive())
    assert.is((await serving).category, 'peer')
  }
})

test('one stream serves several blobs, until its end or an abort', async () => {
  const contents = [contentOf(10), contentOf(2 * MiB), contentOf(20)]
  const source = await storeOf(...contents)
  const { near, far } = channelPair({ near: 'me', far: 'server' })
  let sent = 0
  const serving = serveBlobs(far, source, { authorise: () => undefined, sent: (bytes) => (sent += bytes) })
  const pooled: Channel = { ...near, end: async () => {} }
  const store = await newStore()
  for (const content of contents) await fetchInto(store, content, [async () => pooled])
  await near.end()
  await serving
  assert.is(await near.receive(), undefined)
  assert.is(sent, 10 + 2 * MiB + 64 + 20)
  const controller = new AbortController()
  const pair = channelPair({ near: 'me', far: 'server' })
  const stopped = serveBlobs(pair.far, source, { authorise: () => undefined, signal: controller.signal })
  controller.abort()
  await refuses('aborted', stopped)
})

test('whatever three unsteady providers do, the blob arrives whole or the reason is told', async () => {
  for (let round = 0; round < 8; round++) {
    const content = contentOf(Math.floor(random.float() * 5 * MiB))
    const source = await storeOf(content)
    const store = await newStore()
    const unsteady = (peer: string, chance: number) =>
      provider(peer, source, {
        tamper(_, body) {
          const draw = random.float()
          if (draw < chance) return undefined
          return draw < 2 * chance && body.length > 0 ? body.map((byte) => byte ^ 255) : body
        },
      })
    const providers = ['a', 'b', 'c'].map((peer) => unsteady(peer, 0.1).open)
    const first = await fetchInto(store, content, providers).catch((error) => error)
    if (first instanceof Error) assert.is((first as { code?: string }).code, 'blob.no-provider')
    await fetchInto(store, content, [provider('d', source).open])
    await arrived(store, content)
    assert.is(store.usage(), content.byteLength)
  }
})

test.run()
