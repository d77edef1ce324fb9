import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, userError } from '../../../runtime/base/index.ts'
import {
  admit,
  broken,
  CHECKS,
  type Check,
  examine,
  ok,
  reportSchema,
  warning,
} from '../../../runtime/node/doctor/index.ts'
import { patient, runningNode } from '../../support/fake-machine.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('doctor')
const check = (name: string, run: Check['run']): Check => ({ name, run })
const hanging = (name: string) => check(name, () => new Promise(() => {}))

test('tells everything in order, and the worst of it', async () => {
  const groups = [
    [check('a', async () => [ok('fine')]), check('b', async () => [warning('hm', 'look'), ok('else')])],
    [check('c', async () => [ok('fine')])],
  ]
  const report = await examine(patient(), new VirtualClock(), groups)
  assert.equal(reportSchema.parse(report), report)
  assert.is(report.verdict, 'warning')
  assert.equal(
    report.checks.map(({ check, level }) => `${check} ${level}`),
    ['a ok', 'b warning', 'b ok', 'c ok'],
  )
  const worse = await examine(patient(), new VirtualClock(), [...groups, [check('d', async () => [broken('gone')])]])
  assert.is(worse.verdict, 'broken')
  assert.is((await examine(patient(), new VirtualClock(), [groups[0]!.slice(0, 1)])).verdict, 'ok')
})

test('a check that hangs is given up at its limit, and hears of it', async () => {
  const clock = new VirtualClock()
  let told = false
  const deaf = check('deaf', (_, signal) => {
    signal.addEventListener('abort', () => {
      told = true
    })
    return new Promise(() => {})
  })
  const examined = examine(patient(), clock, [[deaf, check('b', async () => [ok('fine')])]])
  await clock.advance(limit('doctorCheckMs'))
  const { checks } = await examined
  assert.match(checks[0]!.message, /4000 ms.*does not answer/)
  assert.equal([checks[0]!.level, checks[1]!.level, told], ['broken', 'ok', true])
})

test('all checks together take no longer than their limit, however many hang', async () => {
  const clock = new VirtualClock()
  const startMs = clock.monoMs()
  const examined = examine(
    patient(),
    clock,
    'abcdefgh'.split('').map((name) => [hanging(name)]),
  )
  let isOver = false
  void examined.then(() => {
    isOver = true
  })
  while (!isOver) await clock.advance(10)
  assert.ok(clock.monoMs() - startMs <= limit('doctorMs') + 500, `${clock.monoMs() - startMs} ms`)
  const { checks } = await examined
  assert.is(checks.length, 8)
  assert.equal(checks.at(-1)!.message, 'no time was left for it')
  assert.ok(limit('doctorMs') + limit('doctorNodeMs') <= 15_000, 'a person waits 15 s at most')
})

test('what a check throws is told as broken, with the remedy it names', async () => {
  const thrower = check('a', async () => {
    throw userError('key.readable', 'others can read the key', { remedy: 'chmod 600' })
  })
  const { checks } = await examine(patient(), new VirtualClock(), [[thrower]])
  assert.equal(checks[0], {
    check: 'a',
    level: 'broken',
    message: 'others can read the key',
    remedy: 'chmod 600',
    tookMs: 0,
  })
})

test('the node is asked once: what it is, why it is not there, or that it does not answer', async () => {
  const info = await runningNode()
  const clock = new VirtualClock()
  assert.is((await admit(patient({ nodeInfo: async () => info }), clock)).node?.pid, info.pid)
  const gone = async () => {
    throw userError('node.not-running', 'none')
  }
  assert.is((await admit(patient({ nodeInfo: gone }), clock)).nodeError?.code, 'node.not-running')
  const admitted = admit(patient({ nodeInfo: () => new Promise(() => {}) }), clock)
  await clock.advance(limit('doctorNodeMs'))
  assert.is((await admitted).nodeError?.code, 'timeout')
})

test('every check has a name of its own', () => {
  const names = CHECKS.flat().map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
})

test.run()
