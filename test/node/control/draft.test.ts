import { existsSync, readdirSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Logger, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { DiskBudget, directoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { JSON_LINES } from '../../../runtime/node/control/json-lines.ts'
import type { DataKeeper } from '../../../runtime/node/data-shelf/data-entry.ts'
import { DataShelf } from '../../../runtime/node/data-shelf/data-shelf.ts'
import { codeOf, http, json, startTestControl, type TestControl } from '../../support/control.ts'

const MiB = 2 ** 20
const content = seededRandom(3).bytes(9 * MiB + 5)

/** A control server over a real shelf on a real disk. */
async function startShelf(init: { budget?: DiskBudget } = {}) {
  const control = await startTestControl()
  const dir = join(control.folder, 'blobs')
  const blobs = await directoryBlobStore({ clock: systemClock, dir, ...init })
  const logger = { warn() {}, error() {} } as unknown as Logger
  const folder = join(control.folder, 'data')
  const egress = () => assert.unreachable() as never
  const shelf = await DataShelf.open({ blobs, folder, clock: systemClock, logger, egress })
  Object.assign(control.service, { shelf })
  return Object.assign(control, { blobs, keeper: shelf, incoming: () => readdirSync(join(dir, 'incoming')) })
}

async function* pieces(...sizes: number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of [...sizes, content.byteLength]) {
    yield content.subarray(at, at + size)
    at += size
    if (at >= content.byteLength) return
  }
}

/** A client of its own making, that says `lines`; its reply's lines, and the request that is still open. */
async function speak(control: TestControl, ...lines: unknown[]) {
  const { socketPath } = control
  const call = request({ socketPath, method: 'POST', path: '/v1/datasets/x.bin/draft', agent: false })
  call.setHeader('content-type', JSON_LINES)
  call.on('error', () => {})
  for (const line of lines) call.write(`${JSON.stringify(line)}\n`)
  const reply = await new Promise<AsyncIterable<Buffer>>((resolve) => call.on('response', resolve))
  const told = reply[Symbol.asyncIterator]()
  const next = async () => JSON.parse(String((await told.next()).value))
  return { call, path: (await next()).data.path as string, next }
}

const gone = async (there: () => boolean | Promise<boolean>) => {
  while (await there()) await new Promise((resolve) => setTimeout(resolve, 2))
}

test('bytes go straight into a file of the node, in pieces of every size, and replace what was there', async () => {
  await using control = await startShelf()
  const { client, incoming } = control
  const none = await client.putData({ name: 'rows.bin' }, (async function* () {})())
  assert.is(none.sizeBytes, 0)
  const entry = await client.putData({ name: 'rows.bin', keepMs: 60_000 }, pieces(0, 1, 7, 100, 5 * MiB))
  assert.equal([entry.state, entry.sizeBytes], ['here', content.byteLength])
  assert.ok(entry.untilWallMs! > entry.addedWallMs)
  assert.ok(Buffer.from(content).equals(await readFile(entry.path!)))
  assert.is((await stat(entry.path!)).nlink, 2, 'one file with two names, not two files')
  assert.equal((await client.data()).length, 1)
  assert.not(control.blobs.has(none.blob!), 'what is replaced gives its space back')
  assert.equal(incoming(), [])
})

test('whoever cannot see the file sends the bytes instead, and harms no other file of that name', async () => {
  await using control = await startShelf()
  const { keeper, client, incoming } = control
  const roads: string[] = []
  const elsewhere: Pick<DataKeeper, 'put'> = {
    put: (put, given, signal) => {
      roads.push(typeof given)
      if (typeof given !== 'function') return keeper.put(put, given, signal)
      return keeper.put(put, (file, stop) => given({ ...file, inode: file.inode + 1 }, stop), signal)
    },
  }
  Object.assign(control.service, { shelf: elsewhere })
  const entry = await client.putData({ name: 'rows.bin' }, pieces(5))
  assert.ok(Buffer.from(content).equals(await readFile(entry.path!)))
  assert.equal([roads, incoming()], [['function', 'object'], []])
})

test('a refusal reaches the one who writes, before the file or in the middle, and nothing is left', async () => {
  await using control = await startShelf({ budget: new DiskBudget(6 * MiB) })
  const { client, incoming, socketPath } = control
  assert.is(await codeOf(client.putData({ name: 'rows.bin' }, pieces())), 'disk.budget')
  assert.is(await codeOf(client.putData({ name: '../rows' }, pieces())), 'data.name')
  assert.equal([incoming(), await client.data()], [[], []])
  const untyped = await json(socketPath, 'POST', '/v1/datasets/x.bin/draft', '{}')
  assert.equal([untyped.status, untyped.body.error.code], [400, 'data.no-bytes'])
  const held = await speak(control, 0)
  assert.is(await codeOf(client.putData({ name: 'x.bin' }, pieces())), 'data.busy')
  held.call.destroy()
  await gone(() => existsSync(held.path))
  for (const lie of [-1, 1.5, '7', {}]) {
    const liar = await speak(control, 0, lie)
    assert.is((await liar.next()).error.code, 'request.malformed')
    liar.call.destroy()
  }
  const garbled = await http(socketPath, 'POST', '/v1/datasets/x.bin/draft', 'no JSON\n', JSON_LINES)
  assert.match(Buffer.concat(await garbled.toArray()).toString(), 'request.malformed')
  const torn = await speak(control, 0)
  torn.call.end('10\n')
  assert.is((await torn.next()).error.code, 'blob.torn')
  assert.equal([incoming(), await client.data()], [[], []])
})

test('interrupted, killed, removed or the node stopped in the middle: a typed error, and nothing is left', async () => {
  await using control = await startShelf()
  const { client, keeper, incoming } = control
  // A name of its own each time: one may be let go a moment later than its file is gone.
  let names = 0
  const cut = async (meanwhile: (name: string) => unknown, options = {}) => {
    const name = `x${names++}.bin`
    async function* half() {
      yield content
      await gone(async () => (await keeper.list())[0]!.receivedBytes === 0)
      await meanwhile(name)
      yield content.subarray(1)
      for (;;) yield content
    }
    const code = await codeOf(client.putData({ name }, half(), options))
    await gone(() => incoming().length > 0)
    return code
  }
  const stop = new AbortController()
  assert.is(await cut(() => stop.abort(), { signal: stop.signal }), 'aborted')
  assert.is(await cut((name) => client.removeData(name)), 'aborted')
  const dead: { readonly call: ClientRequest; readonly path: string } = await speak(control, 0)
  dead.call.destroy() // as the system does to the socket of a process that is killed
  await gone(() => existsSync(dead.path))
  async function* broken() {
    yield content
    throw new Error('the rows could not be made')
  }
  const failure = await client.putData({ name: 'y.bin' }, broken()).catch((error) => error)
  assert.match(failure.message, 'the rows could not be made')
  assert.equal(incoming(), [], 'gone by the time that the error is told')
  assert.equal(await keeper.list(), [])
  assert.is(await cut(() => keeper.stop()), 'aborted')
})

test('a disk that is full where the client writes is said so, and what it wrote is gone', async () => {
  if (process.platform !== 'linux') return
  await using control = await startShelf()
  const { keeper, client, incoming } = control
  const { ino: inode } = await stat('/dev/full')
  const full: Pick<DataKeeper, 'put'> = {
    put: (put, given, signal) =>
      keeper.put(
        put,
        typeof given === 'function' ? (_, stop) => given({ path: '/dev/full', inode }, stop) : given,
        signal,
      ),
  }
  Object.assign(control.service, { shelf: full })
  assert.is(await codeOf(client.putData({ name: 'x.bin' }, pieces())), 'disk.full')
  assert.equal([incoming(), await keeper.list()], [[], []])
})

test.run()
