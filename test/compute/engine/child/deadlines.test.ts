import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../../runtime/base/errors.ts'
import { limit } from '../../../../runtime/base/limits.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import type { EngineSession } from '../../../../runtime/compute/engine/engine.ts'
import { EMPTY_REPORT, FakeEngineProcess } from '../../../support/fake-engine-process.ts'
import { skip } from '../../../support/skip.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const test = suite('engine child deadlines')

const MiB = 2 ** 20
const GRAPH = Uint8Array.of(1)

/** A child in virtual time that loads anything and leaves every run open. */
async function setUp(options: { ready?: boolean; memoryBytes?: number } = {}) {
  const clock = new VirtualClock()
  const process = new FakeEngineProcess(options.ready ?? true)
  process.answer = ({ op }) => (op === 'load' ? { op: 'loaded', report: EMPTY_REPORT } : undefined)
  const child = new EngineChild({ clock, memoryBytes: options.memoryBytes ?? MiB, spawn: () => process })
  const open = async () => {
    const session = await child.load({ graph: GRAPH })
    process.requests.length = 0
    return session
  }
  return { clock, process, child, open }
}

/** Starts a call; `error()` is what it has thrown so far. */
function watch(promise: Promise<unknown>): { error(): string | undefined; message(): string } {
  let found: unknown
  promise.catch((error) => {
    found = error
  })
  return {
    error: () => (isAividaError(found) ? found.code : found === undefined ? undefined : String(found)),
    message: () => (found instanceof Error ? found.message : ''),
  }
}

async function running(session: EngineSession, options = {}, process?: FakeEngineProcess) {
  const call = watch(session.run({}, options))
  while (process && process.requests.length === 0) await new Promise(setImmediate)
  return call
}

test('a run is ended when its time is up, and not before', async () => {
  const { clock, process, open } = await setUp()
  const run = await running(await open(), { timeoutMs: 1_000 }, process)
  await clock.advanceAsync(999)
  assert.is(run.error(), undefined)
  assert.is(process.kills, 0)
  await clock.advanceAsync(2)
  assert.is(process.kills, 1)
  assert.is(run.error(), 'engine.timeout')
  assert.match(run.message(), /a run took longer than 1000 ms/)
})

test('no caller may wait longer than the limit', async () => {
  const { clock, process, open } = await setUp()
  const run = await running(await open(), { timeoutMs: 2 * limit('engineRunMs') }, process)
  await clock.advanceAsync(limit('engineRunMs') + 1)
  assert.is(run.error(), 'engine.timeout')
})

test('a load is ended when its time is up', async () => {
  const { clock, process, child } = await setUp()
  process.answer = () => undefined
  const load = watch(child.load({ graph: GRAPH }))
  while (process.requests.length === 0) await new Promise(setImmediate)
  await clock.advanceAsync(limit('engineLoadMs') + 1)
  assert.is(load.error(), 'engine.timeout')
})

test('a child that does not become ready is ended, and its first caller told', async () => {
  const { clock, process, child } = await setUp({ ready: false })
  const load = watch(child.load({ graph: GRAPH }))
  await clock.advanceAsync(limit('engineStartMs') + 1)
  assert.is(process.kills, 1)
  assert.is(load.error(), 'engine.timeout')
})

test('a child above its memory is ended within one look', async () => {
  const { clock, process, open } = await setUp({ memoryBytes: 100 })
  const run = await running(await open(), {}, process)
  process.memoryBytes = 100
  await clock.advanceAsync(10 * limit('engineMemoryPollMs'))
  assert.is(run.error(), undefined)
  process.memoryBytes = 101
  await clock.advanceAsync(limit('engineMemoryPollMs'))
  await clock.advanceAsync(0)
  assert.is(run.error(), 'engine.out-of-memory')
  assert.match(run.message(), /held 101 bytes of memory, 100 allowed/)
})

test('an abort kills at once and throws when the child is dead', async () => {
  const { clock, process, open } = await setUp()
  const abort = new AbortController()
  const run = await running(await open(), { signal: abort.signal }, process)
  process.stubborn = true
  abort.abort()
  assert.is(process.kills, 1)
  await clock.advanceAsync(limit('cancelMs') - 1)
  assert.is(run.error(), undefined, 'the child is not dead yet')
  process.exit({ signal: 'SIGKILL', lastWords: '' })
  await clock.advanceAsync(0)
  assert.is(run.error(), 'aborted')
})

test('a child that outlives its kill does not keep its caller waiting', async () => {
  const { clock, process, open } = await setUp()
  const abort = new AbortController()
  const run = await running(await open(), { signal: abort.signal }, process)
  process.stubborn = true
  abort.abort()
  await clock.advanceAsync(limit('cancelMs') + 1)
  assert.is(run.error(), 'aborted')
})

test('a call that waits is called off without harm to the one at work', async () => {
  const { clock, process, open } = await setUp()
  const session = await open()
  const first = await running(session, {}, process)
  const abort = new AbortController()
  const second = await running(session, { signal: abort.signal })
  abort.abort()
  await clock.advanceAsync(0)
  assert.is(second.error(), 'aborted')
  assert.is(first.error(), undefined)
  assert.is(process.kills, 0)
  process.answer = () => ({ op: 'ran', batch: [{ tensors: [] }] })
  process.send({ op: 'ran', batch: [{ tensors: [] }] })
  assert.equal(await session.run({}), {})
})

test('calls that wait learn that the child is gone', async () => {
  const { clock, process, open } = await setUp()
  const session = await open()
  const first = await running(session, {}, process)
  const second = await running(session)
  process.exit({ signal: 'SIGSEGV', lastWords: 'Segmentation fault' })
  await clock.advanceAsync(0)
  for (const call of [first, second, await running(session)]) {
    await clock.advanceAsync(0)
    assert.is(call.error(), 'engine.died')
    assert.match(call.message(), /signal SIGSEGV.*Segmentation fault/)
  }
})

test('only so many calls may wait', async () => {
  const { clock, process, open } = await setUp()
  const session = await open()
  await running(session, {}, process)
  const calls = await Promise.all(Array.from({ length: limit('engineQueue') + 1 }, () => running(session)))
  await clock.advanceAsync(0)
  assert.equal(
    calls.map((call) => call.error()).filter((code) => code !== undefined),
    ['engine.busy'],
  )
})

test('what does not fit into the child is not sent to it', async () => {
  const { clock, process, child, open } = await setUp({ memoryBytes: 100 })
  const session = await open()
  const large = { x: { dtype: 'uint8', shape: [101], data: new Uint8Array(101) } } as const
  const calls = [watch(session.run(large)), watch(child.load({ graph: new Uint8Array(101) }))]
  await clock.advanceAsync(1)
  for (const call of calls) assert.is(call.error(), 'engine.out-of-memory')
  assert.ok(child.alive)
  assert.is(process.requests.length, 0)
})

test('a child that ends as a call begins does not keep it waiting', async () => {
  const { clock, process, open } = await setUp()
  const session = await open()
  const abort = new AbortController()
  const calls = [watch(session.run({})), watch(session.run({}, { signal: abort.signal }))]
  process.exit({ code: 1, lastWords: '' })
  abort.abort()
  await clock.advanceAsync(1)
  assert.equal(
    calls.map((call) => call.error()),
    ['engine.died', 'aborted'],
  )
})

/** Whether this process has the file open. */
function isOpenHere(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // closed meanwhile: the listing's own descriptor, say
    }
  })
}

test('a model that cannot be read to its end costs the child, and is told by its own reason', async () => {
  if (!existsSync('/proc/self/fd')) return skip('whether a file is open is read from /proc')
  const { clock, process, child } = await setUp({ ready: false, memoryBytes: 100 * MiB })
  const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
  const path = join(folder, 'graph.onnx')
  writeFileSync(path, new Uint8Array(3 * MiB))
  const load = child.load({ graph: { path } })
  const call = watch(load)
  while (!isOpenHere(path)) await clock.advanceAsync(0)
  for (let calls = 0; calls < 10; calls++) await stat(path) // by now its size is known
  truncateSync(path, 0)
  process.send({ op: 'ready', info: { name: 'fake', version: '1', providers: ['cpu'] } })
  await load.catch(() => {})
  rmSync(folder, { recursive: true })
  assert.is(call.error(), 'model.unreadable')
  assert.is(process.kills, 1)
})

test('a child that breaks its format is ended', async () => {
  const float = { name: 'y', dtype: 'float32', shape: [2] }
  const breaks: ((process: FakeEngineProcess) => void)[] = [
    (process) => process.sendRaw(Buffer.from('HTTP/1.1 200 OK\r\n')),
    (process) => process.send({ op: 'ran', batch: [{ tensors: [float] }] }, [new Uint8Array(4)]),
    (process) => process.send({ op: 'ran', batch: [{ tensors: [float] }] }, []),
    (process) =>
      process.send({ op: 'ran', batch: [{ tensors: [{ ...float, dtype: 'float7' }] }] }, [new Uint8Array(8)]),
    (process) => process.send({ op: 'loaded', report: EMPTY_REPORT }),
    (process) => process.send({ op: 'ran' }, [new Uint8Array(101)]),
  ]
  for (const [i, breakIt] of breaks.entries()) {
    const { clock, process, open } = await setUp({ memoryBytes: 100 })
    const run = await running(await open(), {}, process)
    breakIt(process)
    await clock.advanceAsync(1)
    assert.is(run.error(), 'engine.protocol', `case ${i}`)
    assert.is(process.kills, 1, `case ${i}`)
  }
})

test('a child that speaks between calls is ended', async () => {
  const { clock, process, child, open } = await setUp()
  await open()
  process.send({ op: 'ran', batch: [{ tensors: [] }] })
  await clock.advanceAsync(1)
  assert.not(child.alive)
  assert.is(process.kills, 1)
})

test('a child keeps this process alive only while somebody waits, and leaves no timer', async () => {
  const { clock, process, child, open } = await setUp({ ready: false })
  assert.ok(process.held)
  process.send({ op: 'ready', info: { name: 'fake', version: '1', providers: ['cpu'] } })
  const session = await open()
  assert.not(process.held)
  assert.is(clock.pending, 0)
  await running(session, {}, process)
  assert.ok(process.held)
  process.send({ op: 'ran', batch: [{ tensors: [] }] })
  await clock.advanceAsync(0)
  assert.not(process.held)
  assert.is(clock.pending, 0)
  await child.kill()
  assert.is(clock.pending, 0)
})

test.run()
