import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { beginJobView, foldNews, jobBundle } from '../../../kernel/display/job-view/index.ts'
import type { JobNews } from '../../../kernel/job-news.ts'
import { userError } from '../../../runtime/base/index.ts'
import { at, checkpointPart, MADE_WALL_MS, peer, roundPart, share, status } from './sample-jobs.ts'

const test = suite('a job view')
const JOB = status().job
const heard = (news: readonly JobNews[]) => {
  const view = beginJobView()
  for (const each of news) foldNews(view, each)
  return view
}
const shown = (news: readonly JobNews[], afterMs = 10_000) => jobBundle(heard(news), MADE_WALL_MS + afterMs)
const submitted = { type: 'submitted', job: JOB, alone: false, peers: [] } as const

test('progress, speed, time left and workers, as text and as HTML', () => {
  const events = [
    at(1_000, { type: 'job', status: status({ rows: { read: 300, done: 200, total: 1_000 } }) }),
    at(3_000, { type: 'job', status: status() }),
  ]
  const { 'text/plain': text, 'text/html': html } = shown(events, 3_000)
  assert.match(text, /running: 40.0 %, 400 of 1,000 rows, 100 rows\/s, for 3.0 s, 6.0 s left/)
  assert.match(text, / {2}worker-a {2}alive {2}300 rows {2}200 rows\/s {2}1 running/)
  assert.match(text, /worker-b .*50 rows\/s .*4.0 times slower/)
  assert.match(html!, /width:40.0%/)
  assert.match(html!, /4.0 times slower/)
})

test('the loss that steps and checkpoints tell is drawn, the newest figures told', () => {
  const training = (step: number) =>
    at(10 * step, {
      ...{ type: 'training', job: JOB, worker: peer('A'), step, rowsPerSecond: 900 },
      metrics: { accuracy: 0.5, loss: 1 / step },
    })
  const events = [
    at(0, { type: 'job', status: status({ program: 'train' }) }),
    ...Array.from({ length: 2_000 }, (_, i) => training(i + 1)),
    at(20_001, { type: 'part', job: JOB, part: checkpointPart(2_000, { loss: 0.25 }) }),
  ]
  const view = heard(events)
  assert.ok(view.curves.get('loss')!.training.points.length <= 600)
  const { 'text/plain': text, 'text/html': html } = jobBundle(view, MADE_WALL_MS + 20_001)
  assert.match(text, /loss 5.00e-4, validation 0.25/)
  assert.match(text, /900 rows\/s/)
  assert.match(html!, /aria-label="training, validation"/)
})

const told = (afterMs: number, step: number, loss: number, character = 'A') =>
  at(afterMs, {
    ...{ type: 'training', job: JOB, worker: peer(character), step, rowsPerSecond: 1 },
    metrics: { loss },
  })

test('steps of a worker that trains alone count as it tells of them, before their shard has ended', () => {
  const running = status({
    program: 'train',
    rows: { read: 0, done: 0, total: 1_000 },
    workers: [share('A', { rows: 0 })],
  })
  const news = [at(0, { type: 'job', status: running }), told(2_000, 40, 1), told(3_000, 140, 1)]
  const { 'text/plain': text, 'text/html': html } = shown(news, 3_000)
  assert.match(text, /running: 14.0 %, 140 of 1,000 steps, 100 steps\/s, 1 rows\/s, for 3.0 s, 8.6 s left/)
  assert.match(text, / {2}worker-a {2}alive {2}140 steps {2}100 steps\/s/)
  assert.match(html!, /width:14.0%/)
  const over = shown([...news, told(4_000, 20, 1, 'B')], 4_000)
  assert.match(over['text/plain'], /20 of 1,000 steps/, 'another worker took over from the last checkpoint')
  const ended = { ...running, state: 'cancelled', finishedWallMs: MADE_WALL_MS + 4_000 } as const
  const kept = shown([...news, at(4_000, { type: 'job', status: ended })])['text/plain']
  assert.match(kept, /cancelled: 0 of 1,000 steps.*\n! step 140 was made; what is kept ends with step 0/)
})

test('the curve goes to the last step: what a part measured takes the place of what was told meanwhile', () => {
  const losses = Array.from({ length: 100 }, (_, i) => 2 - i / 100)
  const part = { ...checkpointPart(100, {}), rows: 100, firstRow: 0 }
  const event = { ...at(2, { type: 'part', job: JOB, part }), measured: { loss: losses } } as JobNews
  const view = heard([told(0, 30, 9), told(1, 60, 9), event])
  assert.equal(
    view.curves.get('loss')!.training.points,
    losses.map((loss, i) => [i + 1, loss]),
  )
})

test('a round is one point, the mean of what its members measured', () => {
  const round = at(0, { type: 'part', job: JOB, part: roundPart(1, ['A', 'B']) })
  const view = heard([{ ...round, measured: { loss: [3, 1] } } as JobNews])
  assert.equal(view.curves.get('loss')!.training.points, [[32, 2]])
})

test('steps that are done again take back what had been drawn', () => {
  const view = heard([told(1, 10, 4), told(2, 20, 3), told(3, 30, 2), told(4, 20, 7)])
  assert.equal(view.curves.get('loss')!.training.points, [
    [10, 4],
    [20, 7],
  ])
})

test('rounds: who counted, who did not and why, what they waited for, what was sent', () => {
  const rounds = { closed: 2, members: [peer('A')], waits: 'waits for 2 workers, 1 is here' }
  const events = [
    at(0, { type: 'job', status: status({ program: 'train', rounds }) }),
    at(1, { type: 'part', job: JOB, part: roundPart(0, ['A', 'B']) }),
    at(2, { type: 'part', job: JOB, part: roundPart(1, ['A'], ['B']) }),
  ]
  const { 'text/plain': text, 'text/html': html } = shown(events)
  assert.match(text, /! waits for 2 workers, 1 is here/)
  assert.match(text, /round 1: 1 member, 900 ms, 5.4 kB up, 5.4 kB down, without worker-b \(round.deadline\)/)
  assert.match(text, /worker-b .*missed 1 round/)
  assert.match(html!, /worker-b: round.deadline, it was not done in time/)
})

test('a sweep: trials in the order of their best value, with parameters', () => {
  const sweep = { waiting: 1, running: 1, paused: 0, done: 1, failed: 0, rungs: [2, 1] }
  const trials = [{ rate: 0.1 }, { rate: 0.01 }]
  const events = [
    { ...submitted, sweep: { trials, metric: 'loss', goal: 'min' } } as const,
    at(0, { type: 'job', status: status({ program: 'sweep', sweep }) }),
    at(1, { type: 'part', job: JOB, part: checkpointPart(100, { loss: 0.9 }, 0) }),
    at(2, { type: 'part', job: JOB, part: checkpointPart(100, { loss: 0.4 }, 1) }),
    at(3, { type: 'part', job: JOB, part: checkpointPart(200, { loss: 0.5 }, 1) }),
  ]
  const { 'text/plain': text } = shown(events)
  assert.match(text, /3 trials: 1 running, 1 waiting, 1 done; rungs reached by 2, 1/)
  assert.match(text, /1\. {2}trial 1 {2}rate 0.01 {2}200 steps {2}0.4\n {2}2\. {2}trial 0 {2}rate 0.1/)
})

test('a sweep that has ended stopped whoever waited; each parameter has a column, of numbers below each other', () => {
  const sweep = { waiting: 0, running: 0, paused: 2, done: 0, failed: 0, rungs: [2, 1] }
  const trials = [
    { rate: 0.1, width: 8 },
    { rate: 0.01, width: 16 },
  ]
  const { 'text/plain': text, 'text/html': html } = shown([
    { ...submitted, sweep: { trials, metric: 'loss', goal: 'min' } },
    at(1, { type: 'part', job: JOB, part: checkpointPart(100, { loss: 0.9 }, 0) }),
    at(2, {
      type: 'job',
      status: status({ program: 'sweep', sweep, state: 'done', finishedWallMs: MADE_WALL_MS + 2 }),
    }),
  ])
  assert.match(text, /2 trials: 2 stopped; rungs reached by 2, 1/)
  assert.match(html!, '<th class="n">rate</th><th class="n">width</th>')
  assert.match(html!, '<td class="n">0.1</td><td class="n">8</td>')
  assert.match(html!, '>0.9000</td>')
})

test('nothing is said of speed before it was measured, or of slowness by what took milliseconds', () => {
  const first = shown([at(9_000, { type: 'job', status: status() })], 9_000)['text/plain']
  assert.match(first, /running: 40.0 %, 400 of 1,000 rows, for 9.0 s\n/)
  const quick = [share('A', { computeMs: 4 }), share('B', { computeMs: 400 })]
  assert.not.match(shown([at(1, { type: 'job', status: status({ workers: quick }) })])['text/plain'], 'slower')
})

test('the loss comes first; one that was cancelled has not failed', () => {
  const metrics = { accuracy: 0.5, loss: 2 }
  const step = (n: number) =>
    at(n, { type: 'training', job: JOB, worker: peer('A'), step: n, rowsPerSecond: 1, metrics })
  const error = { code: 'aborted', category: 'aborted', message: 'called off', retryable: false, facts: {} } as const
  const cancelled = status({ program: 'train', state: 'cancelled', error, finishedWallMs: MADE_WALL_MS + 5 })
  const { 'text/plain': text, 'text/html': html } = shown([step(1), step(2), at(5, { type: 'job', status: cancelled })])
  assert.match(text, /\n! called off\n/)
  assert.match(text, /loss 2; accuracy 0.5/)
  assert.match(html!, '<p class="warn">called off</p>')
  assert.ok(html!.indexOf('<span>loss</span>') < html!.indexOf('<span>accuracy</span>'))
})

test('failures with their cause, refusals, and a machine that computes alone', () => {
  const refused = status({ refusals: { memory: 2 }, shards: { ...status().shards, running: 0 }, workers: [] })
  assert.match(
    shown([at(0, { type: 'job', status: refused })])['text/plain'],
    /! no device takes its shards: memory ×2/,
  )
  const alone = status({ workers: [share('A')] })
  assert.match(
    shown([{ ...submitted, alone: true }, at(0, { type: 'job', status: alone })])['text/plain'],
    /! there is no other machine: this one computes alone/,
  )
  const error = {
    code: 'train.diverged',
    category: 'user',
    message: 'NaN at step 7',
    retryable: false,
    facts: {},
  } as const
  const failed = [
    at(0, {
      type: 'shard',
      job: JOB,
      shard: 'ab'.repeat(32),
      phase: 'retried',
      worker: peer('B'),
      reason: 'engine.died',
    }),
    at(1, {
      type: 'shard',
      job: JOB,
      shard: 'ab'.repeat(32),
      phase: 'retried',
      worker: peer('B'),
      reason: 'engine.died',
    }),
    at(2, { type: 'job', status: status({ state: 'failed', error, finishedWallMs: MADE_WALL_MS + 2_000 }) }),
  ]
  const { 'text/plain': text, 'text/html': html } = shown(failed)
  assert.match(text, /failed: .*took 2.0 s/)
  assert.match(text, /! train.diverged: NaN at step 7/)
  assert.match(text, /- retried ×2 worker-b engine.died/)
  assert.match(html!, /class="bad">train.diverged: NaN at step 7/)
})

test('a job that its node does not have yet, did not take, or can no more be heard of', () => {
  const submitting = { type: 'submitting', program: 'train', name: 'digits' } as const
  const error = userError('node.not-running', 'no node; cluster.start()')
  const failed = { type: 'failed', error } as const
  assert.is(shown([submitting])['text/plain'], 'digits (train): being submitted')
  assert.is(shown([submitting, submitted])['text/plain'], `digits (train, ${JOB}): submitted`)
  const refused = shown([submitting, failed])
  assert.is(refused['text/plain'], 'digits (train): not submitted\n! node.not-running: no node; cluster.start()')
  assert.match(refused['text/html']!, 'node.not-running: no node')
  const lost = shown([submitting, submitted, at(0, { type: 'job', status: status() }), { ...failed, job: JOB }])
  assert.match(lost['text/plain'], /! no more can be heard of it: node.not-running/)
})

test('a job without a name is called as its model, or as what it does', () => {
  const submitting = { type: 'submitting', program: 'infer' } as const
  assert.is(shown([])['text/plain'], 'job: being submitted')
  assert.match(shown([])['text/html']!, '<b>job</b>')
  assert.is(shown([submitting])['text/plain'], 'inference: being submitted')
  const unnamed = at(0, { type: 'job', status: status({ name: '' }) })
  const { 'text/plain': text, 'text/html': html } = shown([submitting, submitted, unnamed])
  assert.ok(text.startsWith(`inference (${JOB}) running: `), text)
  assert.match(html!, '<b>inference</b>')
  const named = shown([{ ...submitting, name: 'resnet.onnx' }, submitted, unnamed])['text/plain']
  assert.ok(named.startsWith(`resnet.onnx (infer, ${JOB}) running: `), named)
})

test.run()
