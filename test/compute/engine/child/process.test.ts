import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../../runtime/base/clock.ts'
import { type AividaError, isAividaError } from '../../../../runtime/base/errors.ts'
import { limit } from '../../../../runtime/base/limits.ts'
import { engineCommand } from '../../../../runtime/compute/engine/child/command.ts'
import { EngineChild, type EngineChildInit } from '../../../../runtime/compute/engine/child/engine-child.ts'
import { spawnEngine } from '../../../../runtime/compute/engine/child/process.ts'
import type { Tensor } from '../../../../runtime/data/tensor/tensor.ts'
import { addModel, expandModel, floats, matMulChain } from '../../../support/onnx-models.ts'
import { isRunning } from '../../../support/processes.ts'
import { skip } from '../../../support/skip.ts'

const test = suite('engine child processes')

const MiB = 2 ** 20
/** A second or more of work in one call, by the machine. */
const LONG = matMulChain(1000)
const SQUARE: Tensor = { dtype: 'float32', shape: [384, 384], data: new Uint8Array(384 * 384 * 4) }

async function withChild(body: (child: EngineChild) => Promise<void>, init: Partial<EngineChildInit> = {}) {
  const child = new EngineChild({ clock: systemClock, ...init })
  try {
    await body(child)
  } finally {
    await child.kill()
  }
}

async function failure(promise: Promise<unknown>): Promise<AividaError> {
  try {
    await promise
  } catch (error) {
    if (isAividaError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** A command that is not an engine. */
const script = (code: string) => () => spawnEngine({ file: process.execPath, args: ['-e', code], env: {} })

async function ends(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 500 && isRunning(pid); tries++) await sleep(10)
  return !isRunning(pid)
}

test('an abort in the middle of native code leaves no process', () =>
  withChild(async (child) => {
    const session = await child.load({ graph: LONG })
    const abort = new AbortController()
    const run = failure(session.run({ x: SQUARE }, { signal: abort.signal }))
    await sleep(50)
    assert.ok(isRunning(child.pid!))
    abort.abort()
    assert.is((await run).code, 'aborted')
    assert.not(isRunning(child.pid!))
    assert.is((await failure(session.run({ x: SQUARE }))).code, 'engine.died')
    await session.close()
  }))

test('a run that takes too long leaves no process', () =>
  withChild(async (child) => {
    const session = await child.load({ graph: LONG })
    assert.is((await failure(session.run({ x: SQUARE }, { timeoutMs: 50 }))).code, 'engine.timeout')
    assert.not(isRunning(child.pid!))
  }))

test('a graph that takes too much memory is ended', async () => {
  if (process.platform !== 'linux') return skip('resident memory is known on Linux only')
  await withChild(
    async (child) => {
      const session = await child.load({ graph: expandModel() })
      const elements = new Uint8Array(BigInt64Array.of(2n ** 28n).buffer)
      const shape: Tensor = { dtype: 'int64', shape: [1], data: elements }
      const error = await failure(session.run({ x: { dtype: 'float32', shape: [1], data: floats(1) }, shape }))
      assert.is(error.code, 'engine.out-of-memory', error.message)
      assert.not(isRunning(child.pid!))
    },
    { memoryBytes: 256 * MiB },
  )
})

test('a result larger than the memory allowed is told by the child itself', () =>
  withChild(
    async (child) => {
      const session = await child.load({ graph: expandModel() })
      const elements = new Uint8Array(BigInt64Array.of(2n ** 25n).buffer)
      const shape: Tensor = { dtype: 'int64', shape: [1], data: elements }
      const error = await failure(session.run({ x: { dtype: 'float32', shape: [1], data: floats(1) }, shape }))
      assert.is(error.code, 'engine.out-of-memory', error.message)
      assert.ok(child.alive)
    },
    {
      memoryBytes: 64 * MiB,
      spawn: (settings) => ({ ...spawnEngine(engineCommand(settings)), residentBytes: () => undefined }),
    },
  ))

test('a child inherits its descriptors and nothing else, and leads its own group', async () => {
  if (process.platform !== 'linux') return skip('/proc is on Linux only')
  await withChild(async (child) => {
    await child.ready
    const proc = `/proc/${child.pid}`
    const names = readFileSync(`${proc}/environ`, 'utf8')
      .split('\0')
      .map((line) => line.split('=')[0])
    assert.equal(names, ['ORT_DISABLE_TELEMETRY', 'NODE_COMPILE_CACHE', ''])
    assert.equal(readdirSync(readlinkSync(`${proc}/cwd`)), [])
    assert.is(readlinkSync(`${proc}/fd/0`), '/dev/null')
    const sockets = readdirSync(`${proc}/fd`).filter((fd) => readlinkSync(`${proc}/fd/${fd}`).startsWith('socket:'))
    assert.equal(sockets, ['2', '3', '4'])
    assert.is(readFileSync(`${proc}/stat`, 'utf8').split(' ')[4], String(child.pid))
  })
})

test('a crash is told with its signal', () =>
  withChild(async (child) => {
    const session = await child.load({ graph: LONG })
    const run = failure(session.run({ x: SQUARE }))
    await sleep(20)
    process.kill(child.pid!, 'SIGSEGV')
    const error = await run
    assert.is(error.code, 'engine.died')
    assert.is(error.facts.signal, 'SIGSEGV')
    assert.ok(error.retryable)
  }))

test('last words are kept, and only the last of them', async () => {
  const code = `process.stderr.write('x'.repeat(100000) + 'could not find the thing'); process.exitCode = 3`
  await withChild(
    async (child) => {
      const error = await failure(child.load({ graph: addModel() }))
      assert.is(error.code, 'engine.died')
      assert.match(error.message, /exit code 3.*could not find the thing$/)
      assert.is(error.facts.exitCode, 3)
      assert.ok(String(error.facts.lastWords).length <= limit('engineWordsBytes'))
    },
    { spawn: script(code) },
  )
})

test('running out of JavaScript memory is told as such', () =>
  withChild(
    async (child) => {
      assert.is((await failure(child.ready)).code, 'engine.out-of-memory')
    },
    { spawn: script(`console.error('FATAL ERROR: JavaScript heap out of memory'); process.abort()`) },
  ))

test('a child that cannot be started says why', () =>
  withChild(
    async (child) => {
      const error = await failure(child.load({ graph: addModel() }))
      assert.is(error.code, 'engine.died')
      assert.match(error.message, /did not start.*ENOENT/)
    },
    { settings: { nodePath: '/nowhere/node' } },
  ))

test('whatever a child leaves behind goes with it', async () => {
  const code = `
    const left = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    process.stderr.write(String(left.pid), () => process.exit(1))`
  await withChild(
    async (child) => {
      const error = await failure(child.ready)
      assert.is(error.code, 'engine.died')
      assert.ok(await ends(Number(error.facts.lastWords)))
    },
    { spawn: script(code) },
  )
})

test('children end when their parent is killed, the busy one too', async () => {
  const parent = spawn(process.execPath, [fileURLToPath(new URL('doomed-parent.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const [idle, busy] = line.toString().split(' ').map(Number) as [number, number]
  assert.ok(isRunning(idle) && isRunning(busy))
  parent.kill('SIGKILL')
  assert.ok(await ends(idle), 'the idle child lives on')
  assert.ok(await ends(busy), 'the busy child lives on')
})

test('a sandbox has one function to change', () => {
  const command = engineCommand({ nodePath: 'node', memoryBytes: 512 * MiB })
  assert.is(command.file, 'node')
  assert.ok(command.args.includes('--max-old-space-size=128'))
  assert.equal(command.env, {
    ORT_DISABLE_TELEMETRY: '1',
    NODE_COMPILE_CACHE: join(dirname(getCompileCacheDir()!), 'engine'),
  })
})

test.run()
