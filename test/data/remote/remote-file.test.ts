import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { egress, openRemote, presignedUrl, type RemoteFile } from '../../../runtime/data/remote/index.ts'
import { encodeRows, memoryTable, storedTable } from '../../../runtime/data/rows/index.ts'
import { tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { type Mishap, type ObjectServer, type ObjectServerInit, objectServer } from '../../support/object-server.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { refuses } from '../refusal.ts'

const content = seededRandom(3).bytes(300_000)
const way = await egress({ env: {} })
const open = (server: ObjectServer, path = '/file', clock = systemClock) =>
  openRemote({ url: `${server.origin}${path}`, egress: way, clock })
const same = (found: Uint8Array, at: number, length: number) =>
  assert.ok(Buffer.compare(found, content.subarray(at, at + length)) === 0, `${length} bytes from ${at}`)
const all = async (file: RemoteFile, from = 0) => Buffer.concat(await Array.fromAsync(file.stream(from)))

/** A server that has mishaps, one a request after the first, until there are no more. */
const serve = (mishaps: (Mishap | undefined)[] = [], more: Partial<ObjectServerInit> = {}) =>
  objectServer({ objects: { '/file': content, '/empty': new Uint8Array() }, mishap: () => mishaps.shift(), ...more })

/** Lets the pauses between attempts pass. */
async function passing<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let over = false
  const done = () => {
    over = true
  }
  promise.then(done, done)
  for (const deadline = performance.now() + 10_000; !over && performance.now() < deadline; ) {
    await clock.advanceAsync(500)
    await new Promise((resolve) => setTimeout(resolve, 1)) // sockets need real time
  }
  return promise
}

const remote = suite('remote file')
remote.after(() => way.close())

remote('any part, by a request for this part alone', async () => {
  await using server = await serve()
  const file = await open(server)
  assert.is(file.sizeBytes, content.byteLength)
  same(await file.read(1_000, 50), 1_000, 50)
  same(await file.read(299_990, 100), 299_990, 10)
  assert.is((await file.read(300_000, 5)).byteLength, 0)
  assert.equal(server.requests, ['GET /file bytes=0-0', 'GET /file bytes=1000-1049', 'GET /file bytes=299990-299999'])
  assert.is(server.sentBytes, 1 + 50 + 10)
  same(await all(file), 0, 300_000)
  same(await all(file, 299_000), 299_000, 1_000)
  const empty = await open(server, '/empty')
  assert.equal([empty.sizeBytes, (await all(empty)).byteLength], [0, 0])
})

remote('a table over it: only the chunks that its rows lie in', async () => {
  const table = memoryTable({
    x: tensorOf(
      Uint32Array.from({ length: 4_000 * 256 }, (_, i) => i),
      [4_000, 256],
    ),
  })
  const bytes = Buffer.concat(await Array.fromAsync(encodeRows(table)))
  await using server = await objectServer({ objects: { '/rows': bytes } })
  const far = await storedTable(await open(server, '/rows'), { identity: '' })
  const { x } = await far.gather([3_999, 2_200])
  assert.equal([typedArrayOf(x!)[0], typedArrayOf(x!)[256]], [3_999 * 256, 2_200 * 256])
  assert.ok(server.sentBytes < bytes.byteLength * 0.6)
})

remote('what breaks off goes on from there', async () => {
  const reset: Mishap = { type: 'reset', afterBytes: 70_000 }
  await using server = await serve([
    undefined,
    reset,
    reset,
    { type: 'status', status: 503 },
    { type: 'reset', afterBytes: 0 },
  ])
  const clock = new VirtualClock()
  const file = await open(server, '/file', clock)
  same(await passing(clock, all(file)), 0, 300_000)
  assert.equal(
    server.requests.slice(1).map((request) => request.split('=')[1]),
    ['0-299999', '70000-299999', '140000-299999', '140000-299999', '140000-299999'],
  )
})

remote('what stays broken is told, and may be tried again', async () => {
  const mishaps = Array<Mishap>(5).fill({ type: 'status', status: 500 })
  await using server = await serve([undefined, ...mishaps])
  const clock = new VirtualClock()
  const file = await open(server, '/file', clock)
  const error = await refuses('remote.unavailable', passing(clock, file.read(0, 10)))
  assert.ok(error.retryable)
  same(await file.read(0, 10), 0, 10)
  const gone = new VirtualClock()
  const nobody = openRemote({ url: 'http://127.0.0.1:1/x', egress: way, clock: gone })
  assert.match((await refuses('remote.unreachable', passing(gone, nobody))).message, /ECONNREFUSED/)
})

remote('content that changes meanwhile is never mixed', async () => {
  for (const tags of [true, false]) {
    const objects = { '/file': content }
    await using server = await serve([], { objects, tags })
    const file = await open(server)
    objects['/file'] = tags ? content.toReversed() : content.subarray(1)
    await refuses('remote.changed', file.read(0, 10))
  }
})

remote('a server without parts gives all, from the beginning', async () => {
  await using server = await serve([], { ranges: false })
  const file = await open(server)
  assert.not(file.ranges)
  same(await all(file), 0, 300_000)
  await refuses('remote.no-ranges', file.read(10, 10))
  await refuses('remote.no-ranges', all(file, 10))
})

remote('redirections are followed, to safe places, a few times', async () => {
  const to = (location: string): Mishap => ({ type: 'status', status: 302, headers: { location } })
  await using server = await serve([to('/elsewhere'), to('/file')])
  same(await (await open(server, '/start')).read(5, 5), 5, 5)
  assert.equal(server.requests.slice(0, 2), ['GET /start bytes=0-0', 'GET /elsewhere bytes=0-0'])
  await using endless = await serve(Array(20).fill(to('/file')))
  await refuses('remote.refused', open(endless))
  await using local = await serve([to('file:///etc/passwd')])
  await refuses('remote.refused', open(local))
})

remote('refusals say what they mean', async () => {
  const cases: [Mishap, string][] = [
    [{ type: 'status', status: 404 }, 'remote.not-found'],
    [{ type: 'status', status: 401 }, 'remote.forbidden'],
    [{ type: 'status', status: 403, body: '<Error><Code>AccessDenied</Code></Error>' }, 'remote.forbidden'],
    [{ type: 'status', status: 403, body: '<Message>Request has expired</Message>' }, 'remote.expired'],
    [{ type: 'status', status: 400, body: '<Code>ExpiredToken</Code>' }, 'remote.expired'],
    [{ type: 'status', status: 204 }, 'remote.refused'],
  ]
  for (const [mishap, code] of cases) {
    await using server = await serve([mishap])
    await refuses(code, open(server))
  }
  for (const url of ['ftp://x/y', 'nothing', 'https://user:password@host/x'])
    await refuses('remote.address', openRemote({ url, egress: way, clock: systemClock }))
})

remote('a link that has ended says so, when, and what to do; no secret is in what it says', async () => {
  await using server = await serve([undefined, { type: 'status', status: 403, body: 'echo of TOKEN-5e3d and SIG' }])
  const clock = new VirtualClock()
  const url = presignedUrl({
    url: new URL(`${server.origin}/file`),
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIAKEY', secretAccessKey: 'SECRET-9c1f', sessionToken: 'TOKEN-5e3d' },
    nowWallMs: clock.wallMs(),
    validS: 60,
  })
  const file = await openRemote({ url, egress: way, clock })
  await clock.advanceAsync(61_000)
  const error = await refuses('remote.expired', file.read(0, 10))
  assert.match(error.message, /has ended at 2026-01-01T00:01:00.000Z \(HTTP 403\); get a new one and repeat/)
  const gone = await refuses(
    'remote.unreachable',
    passing(clock, openRemote({ url: url.replace(/:\d+\//, ':1/'), egress: way, clock })),
  )
  const signature = new URL(url).searchParams.get('X-Amz-Signature')!
  const said = [file.name, ...[error, gone].flatMap(everything)].join('\n')
  for (const secret of ['SECRET-9c1f', 'TOKEN-5e3d', 'AKIAKEY', signature, 'X-Amz']) assert.not.match(said, secret)
})

remote('called off', async () => {
  await using server = await serve()
  const stop = new AbortController()
  const file = await openRemote({ url: `${server.origin}/file`, egress: way, clock: systemClock, signal: stop.signal })
  stop.abort()
  await refuses('aborted', file.read(0, 10))
})

remote.run()

/** All that a log, a report or a terminal could show of an error. */
function everything(error: AividaError): string[] {
  return [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error), error.stack ?? '']
}
