import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Logger, limit, seededRandom, sha256, systemClock } from '../../../runtime/base/index.ts'
import { directoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { egress } from '../../../runtime/data/remote/index.ts'
import type { DataEntry } from '../../../runtime/node/data-shelf/data-entry.ts'
import { DATA_OWNER, DataShelf } from '../../../runtime/node/data-shelf/data-shelf.ts'
import { refuses } from '../../data/refusal.ts'
import { type Mishap, objectServer } from '../../support/object-server.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const content = seededRandom(4).bytes(1_500_000)
const way = await egress({ env: {} })
const TOKEN = 'TOKEN-7f21'

const shelves = suite<{ dir: string; file: string; said: string[] }>('data shelf')
shelves.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida shelf '))
  context.file = join(context.dir, 'my rows.arrow')
  context.said = []
  await writeFile(context.file, content)
})
shelves.after.each(({ dir }) => rm(dir, { recursive: true }))
shelves.after(() => way.close())

/** A shelf over a store in `dir`, as a node that starts opens it. */
async function opened(dir: string, said: string[], { clock = systemClock, quota = 100e6 } = {}) {
  const say = (...words: unknown[]) => void said.push(JSON.stringify(words))
  const logger = { debug: say, info: say, warn: say, error: say, child: () => logger } as unknown as Logger
  const blobs = await directoryBlobStore({ dir: join(dir, 'blobs'), clock, quotaBytes: () => quota })
  const folder = join(dir, 'data')
  return { blobs, folder, shelf: await DataShelf.open({ blobs, folder, clock, logger, egress: async () => way }) }
}

/** A server of files that their names in the query tell apart; bodies wait for `held`. */
async function queryServer(held: Promise<void>) {
  const server = createServer(async (request, response) => {
    const body = new URL(request.url!, 'http://any').searchParams.get('file')!.repeat(100_000)
    const part = request.headers.range !== 'bytes=0-0'
    if (part) await held
    const sent = part ? body : body.slice(0, 1)
    response.writeHead(206, { 'content-range': `bytes 0-${sent.length - 1}/${body.length}`, 'last-modified': 'today' })
    response.end(sent)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The entry once it no longer arrives. */
async function settled(shelf: DataShelf, name: string): Promise<DataEntry> {
  for (;;) {
    const entry = (await shelf.list()).find((each) => each.name === name)
    if (entry?.state !== 'arriving') return entry!
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

shelves('a file is kept by its content, pinned, and found under its name', async ({ dir, file, said }) => {
  const { shelf, blobs } = await opened(dir, said)
  const begun = await shelf.add({ source: file, sha256: sha256(content) })
  assert.equal([begun.name, begun.state, begun.sizeBytes], ['my-rows.arrow', 'arriving', 1_500_000])
  const here = await settled(shelf, 'my-rows.arrow')
  assert.equal([here.state, here.receivedBytes, here.source], ['here', 1_500_000, file])
  assert.equal(await readFile(here.path!), Buffer.from(content))
  assert.equal(blobs.pinned(DATA_OWNER).roots, [here.blob])
  assert.is(await blobs.evict(1e9), 0)
  await shelf.remove('my-rows.arrow')
  assert.equal([await shelf.list(), blobs.pinned(DATA_OWNER).roots], [[], []])
  assert.is(blobs.usage(), 0, 'and its space is free')
  await refuses('data.unknown', shelf.remove('my-rows.arrow'))
  await shelf.stop()
})

shelves(
  'equal bytes are one blob, which stays while one of its names does; a restart forgets nothing',
  async ({ dir, file, said }) => {
    const before = await opened(dir, said)
    await before.shelf.add({ source: file, name: 'a' })
    await settled(before.shelf, 'a')
    const used = before.blobs.usage()
    await before.shelf.add({ source: file, name: 'b' })
    await settled(before.shelf, 'b')
    assert.is(before.blobs.usage(), used)
    await before.shelf.stop()
    const { shelf, blobs } = await opened(dir, said)
    const [a, b] = await shelf.list()
    assert.equal([a!.name, b!.name, a!.blob === b!.blob, a!.state], ['a', 'b', true, 'here'])
    await shelf.remove('a')
    assert.equal(blobs.pinned(DATA_OWNER).roots, [b!.blob])
    assert.equal(await readFile(b!.path!), Buffer.from(content))
    await shelf.remove('b')
    assert.equal(blobs.pinned(DATA_OWNER).roots, [])
    await shelf.stop()
  },
)

shelves('what has its time up is let go by itself', async ({ dir, file, said }) => {
  const clock = new VirtualClock()
  const { shelf, blobs, folder } = await opened(dir, said, { clock })
  await shelf.add({ source: file, name: 'short', keepMs: 3_600_000 })
  await settled(shelf, 'short')
  await clock.advanceAsync(3_500_000)
  assert.is((await shelf.list()).length, 1)
  await clock.advanceAsync(200_000)
  for (let turns = 0; (await readdir(join(folder, 'files'))).length > 0 && turns < 500; turns++)
    await new Promise((resolve) => setTimeout(resolve, 5)) // nobody asked: the sweep does it
  assert.equal(await readdir(join(folder, 'files')), [])
  assert.equal(await shelf.list(), [])
  assert.is(blobs.usage(), 0)
  await shelf.stop()
})

shelves('over the quota, wrong hash, no file, bad names', async ({ dir, file, said }) => {
  const { shelf, blobs } = await opened(dir, said, { quota: 1_000_000 })
  await shelf.add({ source: file, name: 'large' })
  assert.is((await settled(shelf, 'large')).error?.code, 'blob.quota')
  const small = join(dir, 'small')
  await writeFile(small, 'abc')
  await shelf.add({ source: small, sha256: sha256(Buffer.from('abd')) })
  const wrong = await settled(shelf, 'small')
  assert.is(wrong.error?.code, 'data.hash')
  assert.match(
    wrong.error!.message,
    `expected SHA-256 ${sha256(Buffer.from('abd'))}, found ${sha256(Buffer.from('abc'))}`,
  )
  assert.equal(blobs.pinned(DATA_OWNER).roots, [])
  await shelf.add({ source: small })
  assert.is((await settled(shelf, 'small')).state, 'here', 'and may be tried again')
  await refuses('data.name-taken', shelf.add({ source: file, name: 'small' }))
  await refuses('data.not-found', shelf.add({ source: join(dir, 'none') }))
  await refuses('data.not-found', shelf.add({ source: dir }))
  await refuses('data.not-found', shelf.add({ source: 'relative/path' }))
  await refuses('data.name', shelf.add({ source: file, name: '../evil' }))
  await shelf.stop()
})

shelves(
  'a download; its link ends and a new one goes on; the token is said and kept nowhere',
  async ({ dir, said }) => {
    const mishaps: (Mishap | undefined)[] = [
      undefined,
      { type: 'reset', afterBytes: 1_000_000 },
      { type: 'status', status: 403, body: `Request has expired ${TOKEN}` },
    ]
    await using server = await objectServer({ objects: { '/a%20b.bin': content }, mishap: () => mishaps.shift() })
    const { shelf } = await opened(dir, said)
    await shelf.add({ source: `${server.origin}/a%20b.bin?X-Amz-Signature=${TOKEN}` })
    const failed = await settled(shelf, 'a-b.bin')
    assert.equal([failed.state, failed.error?.code], ['failed', 'remote.expired'])
    const came = failed.receivedBytes
    assert.ok(came > 0 && came <= 1_000_000, `${came}: a broken connection may bring less than was sent`)
    await shelf.add({ source: `${server.origin}/a%20b.bin?X-Amz-Signature=${TOKEN}-2` })
    const here = await settled(shelf, 'a-b.bin')
    assert.equal(await readFile(here.path!), Buffer.from(content))
    assert.is(server.sentBytes, 1 + 1_000_000 + 1 + (content.byteLength - came))
    const kept = await readdir(dir, { recursive: true, withFileTypes: true })
    const texts = await Promise.all(
      kept.filter((each) => each.isFile()).map((each) => readFile(join(each.parentPath, each.name), 'latin1')),
    )
    for (const text of [...texts, ...said, JSON.stringify([failed, here])]) assert.not.match(text, TOKEN)
    assert.equal(await readdir(join(dir, 'data', 'arriving')), [])
    await shelf.stop()
  },
)

shelves('an arrival is called off, by its name or with the node, and goes on later', async ({ dir, said }) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const wholly = objectServer({
    objects: { '/x': content },
    delay: (request) => (request.headers.range === 'bytes=0-0' ? undefined : held),
  })
  await using server = await wholly
  const first = await opened(dir, said)
  await first.shelf.add({ source: `${server.origin}/x` })
  await refuses('data.busy', first.shelf.add({ source: `${server.origin}/x` }))
  await first.shelf.remove('x')
  assert.equal(await first.shelf.list(), [])
  const names = Array.from({ length: limit('dataArrivals') }, (_, i) => `copy-${i}`)
  for (const name of names) await first.shelf.add({ source: `${server.origin}/x?${name}`, name })
  await refuses('data.full', first.shelf.add({ source: `${server.origin}/x?more`, name: 'one-more' }))
  await first.shelf.stop()
  release()
  const later = await opened(dir, said)
  assert.equal(await later.shelf.list(), [])
  await later.shelf.add({ source: `${server.origin}/x` })
  assert.is((await settled(later.shelf, 'x')).state, 'here')
  await later.shelf.stop()
})

shelves('files that only the query of their address tells apart are not mixed up', async ({ dir, said }) => {
  const { promise: held, resolve: go } = Promise.withResolvers<void>()
  await using server = await queryServer(held)
  const { shelf, folder } = await opened(dir, said)
  const address = (query: string) => `${server.origin}/get?${query}`
  await shelf.add({ source: address('file=a&X-Amz-Signature=1'), name: 'a' })
  await refuses('data.busy', shelf.add({ source: address('X-Amz-Signature=2&file=a'), name: 'again' }))
  await shelf.add({ source: address('file=b'), name: 'b' })
  go()
  for (const name of ['a', 'b']) {
    const { path, state } = await settled(shelf, name)
    assert.is(state, 'here')
    assert.is(await readFile(path!, 'utf8'), name.repeat(100_000))
  }
  await refuses('data.name-taken', shelf.add({ source: address('file=b'), name: 'a' }))
  await shelf.add({ source: address('file=a&X-Amz-Signature=3'), name: 'a' })
  assert.is((await settled(shelf, 'a')).state, 'here')
  assert.not.match(await readFile(join(folder, 'shelf.json'), 'utf8'), /file=|Signature/)
  const nowhere = await refuses('remote.address', shelf.add({ source: `https://host:99999/x?sig=${TOKEN}` }))
  assert.not.match(nowhere.message, TOKEN)
  await shelf.stop()
})

shelves(
  'bytes that a client sends are kept as they come, in place of what it sent before',
  async ({ dir, said, file }) => {
    const { shelf, blobs } = await opened(dir, said)
    const { signal } = new AbortController()
    async function* pieces(bytes: Uint8Array) {
      for (let at = 0; at < bytes.byteLength; at += 70_000) yield bytes.subarray(at, at + 70_000)
    }
    const first = await shelf.put({ name: 'rows.arrow', keepMs: 60_000 }, pieces(content), signal)
    assert.equal([first.state, first.sizeBytes, first.receivedBytes], ['here', 1_500_000, 1_500_000])
    assert.equal(await readFile(first.path!), Buffer.from(content))
    const second = await shelf.put({ name: 'rows.arrow' }, pieces(content.subarray(1)), signal)
    assert.equal(await readFile(second.path!), Buffer.from(content.subarray(1)))
    assert.equal(blobs.pinned(DATA_OWNER).roots, [second.blob])
    assert.equal(
      (await shelf.list()).map(({ name }) => name),
      ['rows.arrow'],
    )
    await writeFile(file, 'other')
    await refuses('data.name-taken', shelf.add({ source: file, name: 'rows.arrow' }))
  },
)

shelves('of bytes that break off, or that there is no room for, nothing is left', async ({ dir, said }) => {
  const { shelf } = await opened(dir, said, { quota: 2e6 })
  const stop = new AbortController()
  async function* large() {
    for (const salt of [1, 2, 3]) yield Buffer.concat([content.subarray(0, 1_000_000), Uint8Array.of(salt)])
  }
  await refuses('blob.quota', shelf.put({ name: 'large.bin' }, large(), stop.signal))
  async function* broken() {
    yield content.subarray(0, 500_000)
    stop.abort()
    yield content
  }
  await refuses('aborted', shelf.put({ name: 'broken.bin' }, broken(), stop.signal))
  assert.equal(await shelf.list(), [])
  assert.equal(await readdir(join(dir, 'blobs', 'incoming')), [])
})

shelves.run()
