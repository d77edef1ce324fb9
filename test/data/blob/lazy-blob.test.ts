import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { peerError, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import {
  type BlobStore,
  type LazyBlobOptions,
  memoryBlobStore,
  type OpenProvider,
  openLazyBlob,
  type ServeOptions,
  serveBlobs,
  treeOfBytes,
} from '../../../runtime/data/blob/index.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import { egress, openRemote } from '../../../runtime/data/remote/index.ts'
import { encodeRows, memoryTable, storedTable } from '../../../runtime/data/rows/index.ts'
import { tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import type { Channel } from '../../../runtime/swarm/wire/index.ts'
import { type Mishap, objectServer } from '../../support/object-server.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'
import { channelPair } from './channel-pair.ts'

const MiB = 1 << 20
const content = seededRandom(5).bytes(5 * MiB + 77)
const tree = treeOfBytes(content)
const newStore = () => memoryBlobStore({ clock: systemClock })
const storeOf = async (bytes: Uint8Array) => {
  const store = await newStore()
  await store.put(bytes)
  return store
}
const origin = await storeOf(content)

interface Served {
  readonly open: OpenProvider
  /** Chunks asked for, over all its streams; -1 for each opening. */
  readonly asked: number[]
}

/** A provider; `send` may alter what it sends, or end the stream by `undefined`. */
function provider(
  store: BlobStore,
  {
    send = (body) => body,
    ...options
  }: { send?: (body: Uint8Array, index: number) => Uint8Array | undefined } & Partial<ServeOptions> = {},
  name = 'a',
): Served {
  const asked: number[] = []
  const open: OpenProvider = async () => {
    const { near, far } = channelPair({ near: 'me', far: name })
    const watched: Channel = {
      ...far,
      async receive(receiving) {
        const frame = await far.receive(receiving)
        const request = frame && blobRequestCodec.decode(frame.header)
        if (request) asked.push(request.type === 'chunk' ? request.index : -1)
        return frame
      },
      async send(header, body, sending) {
        const reply = blobReplyCodec.decode(header)
        const bytes = new Uint8Array(Buffer.concat(body ?? []))
        const sent = reply.type === 'chunk' ? send(bytes, reply.index) : bytes
        if (sent) await far.send(header, [sent], sending)
        else await far.end()
      },
    }
    serveBlobs(watched, store, { authorise: () => undefined, ...options }).catch(() => {})
    return near
  }
  return { open, asked }
}

const lazily = async (store: BlobStore, providers: OpenProvider[], more: Partial<LazyBlobOptions> = {}) =>
  openLazyBlob({ root: tree.root, providers, store, clock: systemClock, ...more })

const same = (found: Uint8Array, at: number, length: number) =>
  assert.ok(Buffer.compare(found, content.subarray(at, at + length)) === 0, `${length} bytes from ${at}`)

/** Lets pauses pass until a promise is settled. */
async function passing(clock: VirtualClock, promise: Promise<unknown>): Promise<void> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  for (let turns = 0; !settled && turns < 1_000; turns++) await clock.advanceAsync(100)
}

const lazy = suite('lazy blob')

lazy('only the chunks that are read travel, each once', async () => {
  const { open, asked } = provider(origin)
  const store = await newStore()
  const blob = await lazily(store, [open])
  assert.is(blob.sizeBytes, content.byteLength)
  same(await blob.read(3 * MiB + 5, 100), 3 * MiB + 5, 100)
  same(await blob.read(3 * MiB, MiB), 3 * MiB, MiB)
  same(await blob.read(5 * MiB, MiB), 5 * MiB, 77)
  assert.is((await blob.read(content.byteLength, 5)).byteLength, 0)
  await Promise.all([0, 1, 2].map(async (at) => same(await blob.read(10 + at, 8), 10 + at, 8)))
  assert.equal(asked, [-1, 3, 5, 0])
  assert.is(blob.receivedBytes, 2 * MiB + 77)
  assert.not(store.has(tree.root))
  await blob.close()
})

lazy('what came stays for the next reader; once all is here it is a blob as any other', async () => {
  const { open, asked } = provider(origin)
  const store = await newStore()
  const first = await lazily(store, [open], { pin: { owner: 'job' } })
  same(await first.read(MiB, 2 * MiB), MiB, 2 * MiB)
  await first.close()
  const second = await lazily(store, [open], { pin: { owner: 'job' } })
  same(await second.read(0, content.byteLength), 0, content.byteLength)
  assert.equal(asked.toSorted(), [-1, -1, 0, 1, 2, 3, 4, 5])
  assert.ok(store.has(tree.root))
  assert.equal(store.pinned('job').roots, [tree.root])
  same(await second.read(7, 9), 7, 9)
  await second.close()
  const third = await lazily(store, [])
  same(await third.read(2 * MiB - 3, 6), 2 * MiB - 3, 6)
  await third.close()
})

lazy('two readers of one process share what comes, and may come and go', async () => {
  const { open, asked } = provider(origin)
  const store = await newStore()
  const [a, b] = await Promise.all([lazily(store, [open]), lazily(store, [open])])
  await Promise.all([a.read(0, 3 * MiB), b.read(MiB, 3 * MiB)])
  await a.close()
  same(await b.read(4 * MiB, 2 * MiB), 4 * MiB, MiB + 77)
  assert.equal(asked.filter((index) => index >= 0).toSorted(), [0, 1, 2, 3, 4, 5])
  assert.ok(store.has(tree.root))
  same(await b.read(0, 10), 0, 10)
  await b.close()
})

lazy('a small blob comes whole with the answer', async () => {
  const bytes = content.subarray(0, 1_000)
  const { open, asked } = provider(await storeOf(bytes))
  const store = await newStore()
  const blob = await lazily(store, [open], { root: treeOfBytes(bytes).root })
  same(await blob.read(10, 20), 10, 20)
  assert.equal([asked, blob.receivedBytes, store.has(treeOfBytes(bytes).root)], [[-1], 1_000, true])
  await blob.close()
})

lazy('a provider that goes away is reached again, or replaced', async () => {
  let cuts = 2
  const flaky = provider(origin, { send: (body) => (cuts-- > 0 ? undefined : body) })
  const clock = new VirtualClock()
  const blob = await lazily(await newStore(), [flaky.open], { clock })
  const reading = blob.read(0, 10)
  await passing(clock, reading)
  same(await reading, 0, 10)
  await blob.close()

  const gone = provider(origin, { send: () => undefined })
  const other = provider(origin)
  const replaced = await lazily(await newStore(), [gone.open, other.open])
  same(await replaced.read(0, 4 * MiB), 0, 4 * MiB)
  same(await replaced.read(4 * MiB, 10), 4 * MiB, 10)
  assert.equal(other.asked.filter((index) => index >= 0).toSorted(), [0, 1, 2, 3, 4])
  await replaced.close()
})

lazy('one that lies is told of, and the other asked', async () => {
  const liar = provider(origin, { send: (body, index) => (index === 2 ? body.with(9, body[9]! ^ 1) : body) }, 'liar')
  const honest = provider(origin)
  const offended: string[] = []
  const blob = await lazily(await newStore(), [liar.open, honest.open], {
    offended: (peer, { code }) => offended.push(`${peer} ${code}`),
  })
  same(await blob.read(2 * MiB, MiB), 2 * MiB, MiB)
  assert.equal(offended, ['liar blob.wrong-chunk'])
  await blob.close()
})

lazy('refused, or nobody there', async () => {
  const refusing = provider(origin, {
    authorise: () => {
      throw peerError('grant.expired', 'the grant ended')
    },
  })
  await refuses('grant.expired', lazily(await newStore(), [refusing.open]))
  await refuses('blob.not-found', lazily(await newStore(), [provider(await newStore()).open]))
  await refuses('blob.no-provider', lazily(await newStore(), []))
  const clock = new VirtualClock()
  const nowhere: OpenProvider = () => Promise.reject(peerError('dial.failed', 'no way'))
  const opening = lazily(await newStore(), [nowhere], { clock })
  await passing(clock, opening)
  const error = await refuses('blob.no-provider', opening)
  assert.match(error.message, /no way/)
  await refuses('aborted', lazily(await newStore(), [nowhere], { signal: AbortSignal.abort() }))
})

lazy('each connection shows the grant that holds then', async () => {
  const shown: string[] = []
  let cuts = 1
  const { open } = provider(origin, {
    send: (body) => (cuts-- > 0 ? undefined : body),
    authorise: (_, { grant }) => void shown.push(Buffer.from(grant ?? []).toString()),
  })
  let grant = 'old'
  const blob = await lazily(await newStore(), [open, open], { grant: () => Buffer.from(grant) })
  grant = 'new'
  same(await blob.read(0, 1), 0, 1)
  assert.equal(shown, ['old', 'new'])
  await blob.close()
})

lazy('bytes by a signed link, their tree from a provider, which gives the rest once the link has ended', async () => {
  const ended: Mishap = { type: 'status', status: 403, body: 'Request has expired' }
  const mishaps: (Mishap | undefined)[] = [undefined, undefined, ended]
  await using server = await objectServer({ objects: { '/o': content }, mishap: () => mishaps.shift() })
  const way = await egress({ env: {} })
  const remote = await openRemote({ url: `${server.origin}/o?sig=1`, egress: way, clock: systemClock })
  const { open, asked } = provider(origin)
  const failures: string[] = []
  const link = (at: number, length: number) => remote.read(at, length)
  const blob = await lazily(await newStore(), [open], { link, linkFailed: ({ code }) => failures.push(code) })
  same(await blob.read(2 * MiB, 10), 2 * MiB, 10)
  assert.equal([asked, failures], [[-1], []])
  same(await blob.read(0, 10), 0, 10)
  same(await blob.read(MiB, 10), MiB, 10)
  assert.equal([asked, failures, server.requests.length], [[-1, 0, 1], ['remote.expired'], 3])
  await blob.close()
  const liar = await lazily(await newStore(), [open], { link: async (_, length) => new Uint8Array(length) })
  same(await liar.read(3 * MiB, 10), 3 * MiB, 10)
  await liar.close()
  await way.close()
})

lazy('a table over it fetches the chunks of its rows alone', async () => {
  const rows = 4_000
  const table = memoryTable({
    x: tensorOf(
      Uint32Array.from({ length: rows * 256 }, (_, i) => i),
      [rows, 256],
    ),
  })
  const bytes = Buffer.concat(await Array.fromAsync(encodeRows(table)))
  const { root } = treeOfBytes(bytes)
  const { open, asked } = provider(await storeOf(bytes))
  const far = await storedTable(await lazily(await newStore(), [open], { root }), { identity: root })
  const { x } = await far.gather([3_999, 1, 3_998])
  assert.equal(typedArrayOf(x!)[0], 3_999 * 256)
  assert.equal(asked, [-1, 0, 3], 'the header and row 1 in chunk 0')
  await far.close()
})

lazy.run()
