import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CellOutput } from '../../../kernel/cell.ts'
import { LiveJob } from '../../../kernel/display/job-view/index.ts'
import type { JobNews } from '../../../kernel/job-news.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { at, MADE_WALL_MS, peer, status } from './sample-jobs.ts'

const test = suite('a live job')
const JOB = status().job
const setUp = () => {
  const clock = new VirtualClock(MADE_WALL_MS)
  const outputs: { atMs: number; output: CellOutput }[] = []
  const live = new LiveJob({
    clock,
    cell: { put: (output) => outputs.push({ atMs: clock.monoMs(), output }) },
  })
  return { clock, outputs, live }
}
const steps = (step: number) =>
  at(step, { type: 'training', job: JOB, worker: peer('A'), step, rowsPerSecond: 1, metrics: { loss: 1 / step } })

test('thousands of events are a few updates of one output, and the last one is the last state', async () => {
  const { clock, outputs, live } = setUp()
  live.begin()
  live.hear(at(0, { type: 'job', status: status({ program: 'train' }) }))
  for (let step = 1; step <= 10_000; step++) {
    live.hear(steps(step))
    if (step % 10 === 0) clock.advance(1)
  }
  live.hear(at(10_001, { type: 'job', status: status({ program: 'train', state: 'done' }) }))
  live.end()
  assert.ok(outputs.length >= 5 && outputs.length <= 8, `${outputs.length} updates in a second`)
  assert.equal(
    outputs.map(({ output }) => output.type),
    ['display', ...outputs.slice(1).map(() => 'update')],
  )
  const ids = outputs.map(({ output }) => 'displayId' in output && output.displayId)
  assert.is(new Set(ids).size, 1)
  const last = outputs.at(-1)!.output
  assert.match('bundle' in last ? last.bundle['text/plain'] : '', /done: .*\n.*loss 1.00e-4/s)
  const isLive = outputs.map(({ output }) => 'isLive' in output && output.isLive)
  assert.equal(isLive, [...isLive.slice(1).map(() => true), false], 'whoever saves it knows which is the last')
  clock.advance(60_000)
  live.hear(steps(20_000))
  assert.is(outputs.at(-1)!.output, last, 'it is still once it has ended')
})

test('the newest state is shown although nothing follows it, and time goes on', () => {
  const { clock, outputs, live } = setUp()
  live.begin()
  live.hear(at(0, { type: 'job', status: status() }))
  live.hear(at(1, { type: 'job', status: status({ rows: { read: 1_000, done: 700, total: 1_000 } }) }))
  clock.advance(200)
  const text = (i: number) => {
    const output = outputs.at(i)!.output
    return 'bundle' in output ? output.bundle['text/plain'] : ''
  }
  assert.match(text(-1), /700 of 1,000/)
  const before = outputs.length
  clock.advance(10_000)
  assert.is(outputs.length - before, 5)
})

test('what events fail of is thrown after what was heard is shown', async () => {
  const { outputs, live } = setUp()
  const events = async function* (): AsyncGenerator<JobNews> {
    yield at(0, { type: 'job', status: status() })
    throw new Error('the node is gone')
  }
  let thrown: unknown
  await live.follow(events()).catch((error) => (thrown = error))
  assert.match(String(thrown), /the node is gone/)
  const last = outputs.at(-1)!.output
  assert.match('bundle' in last ? last.bundle['text/plain'] : '', /400 of 1,000/)
  assert.is('isLive' in last && last.isLive, false)
})

test.run()
