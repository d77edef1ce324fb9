import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../../runtime/base/errors.ts'
import { limit } from '../../../../runtime/base/limits.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import { EnginePool } from '../../../../runtime/compute/engine/child/pool.ts'
import { EMPTY_REPORT, FakeEngineProcess } from '../../../support/fake-engine-process.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const test = suite('engine pool')

function setUp(maxChildren = 3, maxIdle = maxChildren) {
  const processes: FakeEngineProcess[] = []
  const start = () =>
    new EngineChild({
      clock: new VirtualClock(),
      spawn: () => {
        const process = new FakeEngineProcess()
        process.answer = ({ op }) =>
          op === 'load'
            ? { op: 'loaded', report: EMPTY_REPORT }
            : op === 'close'
              ? { op: 'closed' }
              : { op: 'ran', batch: [{ tensors: [] }] }
        processes.push(process)
        return process
      },
    })
  const pool = new EnginePool({ start, maxChildren, maxIdle })
  const loads = (index: number) => processes[index]!.requests.filter(({ header }) => header.op === 'load').length
  return { pool, processes, loads, killed: () => processes.filter(({ kills }) => kills > 0).length }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const source = () => ({ graph: Uint8Array.of(1) })
const code = (body: () => unknown) => {
  try {
    body()
    return undefined
  } catch (error) {
    return isAividaError(error) ? error.code : String(error)
  }
}

test('one empty child waits; taking it starts the next', () => {
  const { pool, processes } = setUp()
  assert.is(processes.length, 1)
  pool.acquire({ job: 'a', slot: '0' })
  assert.is(processes.length, 2)
  pool.acquire({ job: 'a', slot: '1' })
  assert.is(processes.length, 3)
})

test('of the children without work only so many stay warm, the least recently used go', async () => {
  const { pool, processes } = setUp(5, 1)
  for (const job of ['a', 'b', 'c']) pool.acquire({ job, slot: '0' }).release()
  await turn()
  assert.equal(
    processes.map(({ kills }) => kills),
    [1, 1, 0, 0],
    'the children of a and b, not that of c nor the empty one',
  )
})

test('the next empty child starts when the owner of the pool says so', () => {
  let prepare = () => {}
  let starts = 0
  const start = () => {
    starts++
    return new EngineChild({ clock: new VirtualClock(), spawn: () => new FakeEngineProcess() })
  }
  const pool = new EnginePool({ start, later: (later) => (prepare = later) })
  pool.acquire({ job: 'a', slot: '0' })
  assert.is(starts, 1)
  prepare()
  assert.is(starts, 2)
})

test('a job finds its child and its model warm, on its slot alone', async () => {
  const { pool, processes, loads } = setUp()
  const first = pool.acquire({ job: 'a', slot: '0' })
  const session = await first.session('model', source)
  assert.equal(await session.run({}), {})
  first.release()
  const again = pool.acquire({ job: 'a', slot: '0' })
  const unasked = () => {
    throw new Error('the model is warm')
  }
  assert.is(await again.session('model', unasked), session)
  assert.is(loads(0), 1)
  await again.session('model', source, { optimization: 'basic' })
  await again.session('other', source)
  assert.is(loads(0), 3)
  const other = pool.acquire({ job: 'a', slot: '1' })
  await other.session('model', source)
  assert.is(loads(1), 1)
  assert.is(processes.length, 3)
})

test('a child serves one caller at a time', () => {
  const { pool } = setUp()
  const lent = pool.acquire({ job: 'a', slot: '0' })
  assert.is(
    code(() => pool.acquire({ job: 'a', slot: '0' })),
    'engine.busy',
  )
  lent.release()
  assert.is(
    code(() => pool.acquire({ job: 'a', slot: '0' })),
    undefined,
  )
})

test('the longest idle child makes room; lent ones are never taken', async () => {
  const { pool, processes } = setUp(2)
  const [a, b] = ['a', 'b'].map((job) => pool.acquire({ job, slot: '0' }))
  assert.is(
    code(() => pool.acquire({ job: 'c', slot: '0' })),
    'engine.busy',
  )
  b!.release()
  a!.release()
  pool.acquire({ job: 'b', slot: '0' }).release() // a is idle for longer now
  pool.acquire({ job: 'c', slot: '0' })
  assert.equal(
    processes.map(({ kills }) => kills),
    [1, 0, 0, 0],
  )
})

test('a dead or discarded child is replaced by a fresh one', async () => {
  const { pool, processes, loads } = setUp()
  const first = pool.acquire({ job: 'a', slot: '0' })
  await first.session('model', source)
  await first.discard()
  const second = pool.acquire({ job: 'a', slot: '0' })
  await second.session('model', source)
  assert.is(loads(1), 1)
  processes[1]!.exit({ signal: 'SIGSEGV', lastWords: '' })
  second.release()
  await turn()
  await pool.acquire({ job: 'a', slot: '0' }).session('model', source)
  assert.is(loads(2), 1)
})

test('a child that is being killed is not handed out again', async () => {
  const { pool, processes } = setUp()
  const first = pool.acquire({ job: 'a', slot: '0' })
  const session = await first.session('model', source)
  processes[0]!.answer = () => undefined
  processes[0]!.stubborn = true
  const abort = new AbortController()
  session.run({}, { signal: abort.signal }).catch(() => {})
  await turn()
  abort.abort()
  first.release()
  await pool.acquire({ job: 'a', slot: '0' }).session('model', source)
  processes[0]!.exit({ signal: 'SIGKILL', lastWords: '' })
  await turn()
  assert.is(
    code(() => pool.acquire({ job: 'a', slot: '0' })),
    'engine.busy',
    'the late end of the old child took the new one with it',
  )
})

test('an empty child that dies is replaced, but not for ever', async () => {
  const { pool, processes } = setUp()
  for (let i = 0; i < 10; i++) {
    processes.at(-1)!.exit({ code: 1, lastWords: '' })
    await turn()
  }
  assert.is(processes.length, 3)
  pool.acquire({ job: 'a', slot: '0' })
  assert.is(processes.length, 5, 'a caller gets a child of its own, and the next one waits again')
})

test('only so many models stay loaded; the least recently used goes', async () => {
  const { pool, processes, loads } = setUp()
  const lent = pool.acquire({ job: 'a', slot: '0' })
  const count = limit('engineSessions')
  for (let i = 0; i <= count; i++) {
    await lent.session(`model ${i}`, source)
    await lent.session('model 0', source)
  }
  assert.is(loads(0), count + 1)
  assert.equal(
    processes[0]!.requests.flatMap(({ header }) => (header.op === 'close' ? [header.session] : [])),
    [2],
  )
})

test('the end of a job takes its idle children, the end of the pool takes all', async () => {
  const { pool, killed } = setUp(4)
  const lent = pool.acquire({ job: 'a', slot: '0' })
  for (const slot of ['1', '2']) pool.acquire({ job: 'a', slot }).release()
  pool.acquire({ job: 'b', slot: '0' }).release()
  await pool.retire('a')
  assert.is(killed(), 2)
  lent.release()
  await pool.stop()
  assert.is(killed(), 5)
  assert.is(
    code(() => pool.acquire({ job: 'a', slot: '0' })),
    'engine.busy',
  )
})

test.run()
