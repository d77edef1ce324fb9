import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import type { NodeEvent } from '../../../runtime/protocol/index.ts'
import { codeOf, http, json, startTestControl } from '../../support/control.ts'
import { FakeNodeService, jobStatus } from '../../support/fake-node-service.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'
const shard = { type: 'shard', job: JOB, shard: 'd'.repeat(64), phase: 'leased' } as const

const next = async (events: AsyncGenerator<NodeEvent, void, void>) => {
  const { value } = await events.next()
  return value as NodeEvent
}

test('events come numbered, a snapshot first', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, { name: 'one' })
  const events = control.client.events()
  const job = await next(events)
  assert.is(job.type === 'job' && job.status.name, 'one')
  assert.is((await next(events)).type, 'peer')
  const waiting = next(events)
  control.service.events.publish(shard)
  const event = await waiting
  assert.is(event.type, 'shard')
  assert.is(event.seq, job.seq + 1)
  await events.return()
})

test('who waits for a job hears of its states alone', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, { name: 'one' })
  const events = control.client.job(JOB).events({ type: 'job' })
  assert.is((await next(events)).type, 'job')
  const waiting = next(events)
  for (let i = 0; i < 3; i++) control.service.events.publish(shard)
  control.service.update(JOB, { name: 'two' })
  const event = await waiting
  assert.is(event.type === 'job' && event.status.name, 'two')
  await events.return()
})

test('a follower that comes back to a node which is starting waits until its jobs are known, and hears their end', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, { name: 'before' })
  const events = control.client.job(JOB).events()
  await next(events)
  const restored = Promise.withResolvers<void>()
  const again = new FakeNodeService(new VirtualClock(Date.UTC(2026, 0, 2)))
  again.restored = restored.promise
  const waiting = next(events)
  await control.restart(again)
  const everything = control.client.events() // without a position: its snapshot has to be whole
  const first = next(everything)
  await new Promise((resolve) => setTimeout(resolve, 300)) // both have come back, and would be told that nothing is here
  again.update(JOB, { name: 'after', state: 'done' })
  restored.resolve()
  assert.is((await waiting).type, 'gap')
  const end = await next(events)
  assert.equal(end.type === 'job' && [end.status.name, end.status.state], ['after', 'done'])
  const whole = await first
  assert.is(whole.type === 'job' && whole.status.name, 'after')
  await Promise.all([events.return(), everything.return()])
})

test('the wire form is server-sent events with a version', async () => {
  await using control = await startTestControl()
  const { lastSeq } = control.service.events
  const reply = await http(control.socketPath, 'GET', `/v1/events?after=${lastSeq}`)
  assert.is(reply.headers['content-type'], 'text/event-stream')
  control.service.events.publish(shard)
  const [piece] = await once(reply, 'data')
  const atWallMs = control.service.events.lastSeq > 0 ? JSON.parse(String(piece).split('data: ')[1]!).atWallMs : 0
  assert.is(
    String(piece),
    `id: ${lastSeq + 1}\nevent: shard\ndata: ${JSON.stringify({ v: 1, ...shard, seq: lastSeq + 1, atWallMs })}\n\n`,
  )
  reply.destroy()
})

test('a client resumes over a restarted server without missing an event', async () => {
  await using control = await startTestControl()
  const events = control.client.events({ after: control.service.events.lastSeq })
  const first = next(events)
  control.service.events.publish(shard)
  const { seq } = await first
  await control.server.stop()
  control.service.events.publish(shard)
  const second = next(events)
  await control.restart()
  control.service.events.publish(shard)
  assert.is((await second).seq, seq + 1)
  assert.is((await next(events)).seq, seq + 2)
  await events.return()
})

test('after a restart of the node itself a client hears of the gap and gets a snapshot', async () => {
  await using control = await startTestControl()
  const events = control.client.events({ after: control.service.events.lastSeq })
  const first = next(events)
  control.service.events.publish(shard)
  await first
  const reborn = new FakeNodeService(new VirtualClock(Date.UTC(2027, 0, 1)))
  reborn.update(JOB, { name: 'recovered' })
  const second = next(events)
  await control.restart(reborn)
  assert.is((await second).type, 'gap')
  const job = await next(events)
  assert.is(job.type === 'job' && job.status.name, 'recovered')
  await events.return()
})

test('a slow reader holds up nobody, and finds the newest state when it looks again', async () => {
  await using control = await startTestControl({ service: new FakeNodeService(new VirtualClock(), 100) })
  const { service, socketPath } = control
  const slow = await http(socketPath, 'GET', `/v1/events?after=${service.events.lastSeq}`)
  slow.pause()
  const text = 'x'.repeat(10_000)
  for (let i = 0; i < 2_000; i++) {
    service.update(JOB, { name: `${i} ${text}`, state: i === 1_999 ? 'done' : 'running' })
    await new Promise(setImmediate)
  }
  let body = ''
  let received = 0
  for await (const piece of slow) {
    received += piece.length
    body = (body + piece).slice(-30_000)
    if (body.includes('"state":"done"')) break
  }
  assert.match(body, 'name":"1999 ')
  assert.ok(received < 10_000_000, `the reader was sent ${received} bytes of at most 20,000,000`)
})

test('a client that leaves ends its subscription', async () => {
  await using control = await startTestControl()
  for (let i = 0; i < limit('eventReaders') + 8; i++) {
    const reply = await http(control.socketPath, 'GET', '/v1/events')
    assert.is(reply.statusCode, 200)
    reply.destroy()
    await once(reply, 'close')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const events = control.client.events()
  assert.is((await next(events)).type, 'peer')
  await events.return()
})

test('a quiet stream carries heartbeats', async () => {
  const clock = new VirtualClock()
  await using control = await startTestControl({ clock, service: new FakeNodeService(clock) })
  const reply = await http(control.socketPath, 'GET', `/v1/events?after=${control.service.events.lastSeq}`)
  const beat = once(reply, 'data')
  clock.advance(limit('eventHeartbeatMs'))
  assert.is(String((await beat)[0]), ':\n\n')
  reply.destroy()
})

test("a job's events end with the job, and done() tells how", async () => {
  await using control = await startTestControl()
  const { client, service } = control
  service.statuses.set(JOB, jobStatus({ job: JOB }))
  const types: string[] = []
  const reading = (async () => {
    for await (const event of client.job(JOB).events()) types.push(event.type)
  })()
  const states: string[] = []
  const done = client.job(JOB).done({ onStatus: (status) => states.push(status.state) })
  while (states.length === 0 || types.length === 0) await new Promise(setImmediate)
  service.events.publish(shard)
  service.update('job-bbbbbbbbbbbbbbbb', {})
  service.update(JOB, { state: 'done', rows: { read: 9, done: 9 } })
  await reading
  assert.equal(types, ['job', 'shard', 'job'])
  assert.is((await done).rows.done, 9)
  assert.equal(states, ['running', 'done'])
})

test('done() rejects with the cause', async () => {
  await using control = await startTestControl()
  const { client, service } = control
  const error = { code: 'model.not-onnx', category: 'user', message: 'no', retryable: false, facts: {} } as const
  service.statuses.set(JOB, jobStatus({ job: JOB, state: 'failed', error }))
  assert.is(await codeOf(client.job(JOB).done()), 'model.not-onnx')
  service.statuses.set(JOB, jobStatus({ job: JOB, state: 'cancelled' }))
  assert.is(await codeOf(client.job(JOB).done()), 'job.cancelled')
  assert.is(await codeOf(client.job('job-none').done()), 'job.unknown')
  service.statuses.set(JOB, jobStatus({ job: JOB }))
  const stop = AbortSignal.timeout(20)
  assert.is(await codeOf(client.job(JOB).done({ signal: stop })), 'aborted')
})

test('a bad position is refused', async () => {
  await using control = await startTestControl()
  const { status, body } = await json(control.socketPath, 'GET', '/v1/events?after=yesterday')
  assert.is(status, 400)
  assert.is(body.error.code, 'request.invalid')
})

test.run()
