import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, http, json, startTestControl } from '../../support/control.ts'

test('health tells whether work is accepted', async () => {
  await using control = await startTestControl()
  const well = await json(control.socketPath, 'GET', '/healthz')
  assert.equal(well, { status: 200, body: { v: 1, data: { accepting: true, pid: process.pid } } })
  control.service.accepting = false
  assert.is((await json(control.socketPath, 'GET', '/healthz')).status, 503)
})

test('metrics follow jobs, peers and shards', async () => {
  await using control = await startTestControl()
  const { service } = control
  service.update('job-aaaaaaaaaaaaaaaa', { rows: { read: 5, done: 5 } })
  service.update('job-bbbbbbbbbbbbbbbb', { state: 'done', rows: { read: 7, done: 7 } })
  for (const phase of ['leased', 'accepted', 'accepted'] as const)
    service.events.publish({ type: 'shard', job: 'job-aaaaaaaaaaaaaaaa', shard: 'd'.repeat(64), phase })
  await new Promise(setImmediate)
  const reply = await http(control.socketPath, 'GET', '/metrics')
  const text = Buffer.concat(await reply.toArray()).toString()
  assert.match(text, 'aivida_jobs{state="running"} 1')
  assert.match(text, 'aivida_jobs{state="done"} 1')
  assert.match(text, 'aivida_rows_done 12')
  assert.match(text, 'aivida_peers{state="alive",carrier="self"} 1')
  assert.match(text, 'aivida_shards_total{phase="accepted"} 2')
  assert.match(text, 'aivida_disk_bytes{what="budget"} 2')
  assert.match(text, 'aivida_accepting 1')
  assert.match(text, 'aivida_loop_delay_p99_seconds 0.0015')
  assert.match(text, 'aivida_process_resident_memory_bytes')
})

test('the port is opt-in, on loopback, and shows health and metrics alone', async () => {
  await using plain = await startTestControl()
  assert.is(plain.server.metricsUrl, undefined)
  await using control = await startTestControl({ metricsPort: 0 })
  const url = control.server.metricsUrl!
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  assert.match(await (await fetch(url)).text(), 'aivida_accepting 1')
  assert.is((await fetch(new URL('/healthz', url))).status, 200)
  assert.is((await fetch(new URL('/v1/info', url))).status, 404)
})

test('a taken port is said, and nothing is left listening', async () => {
  const stranger = createServer().listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  assert.is(await codeOf(startTestControl({ metricsPort: port })), 'metrics.port-in-use')
  stranger.close()
})

test.run()
