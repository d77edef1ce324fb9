import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ROUTES } from '../../../runtime/node/control/routes.ts'
import { codeOf, json, startTestControl } from '../../support/control.ts'
import { FAKE_PEER, jobStatus } from '../../support/fake-node-service.ts'

const infer = { program: 'infer', model: '/m.onnx', input: { path: '/in.arrow' } } as const

/** Of data that are kept. */
const ENTRY = { name: 'rows.arrow', source: 'a client', state: 'here', receivedBytes: 1, addedWallMs: 1 } as const

test('every call reaches the service and its reply comes back in an envelope', async () => {
  await using control = await startTestControl()
  const { client, service, socketPath } = control
  assert.is((await client.info()).name, 'fake')
  const job = await client.submit({ ...infer, name: 'first' })
  assert.is((await client.jobs())[0]?.name, 'first')
  assert.is((await job.status()).job, job.id)
  assert.equal(await job.parts(), [])
  assert.is((await client.peers())[0]?.peer, FAKE_PEER)
  assert.is((await client.members())[0]?.role, 'admin')
  assert.is((await client.invite({ uses: 3 })).uses, 3)
  assert.is((await client.invite()).uses, 1)
  assert.is((await client.pending())[0]?.name, 'newcomer')
  await client.approve(FAKE_PEER)
  await client.remove(FAKE_PEER, 'gone')
  await client.remove(FAKE_PEER)
  assert.is((await job.scale({ workers: 3 })).maxWorkers, 3)
  assert.is((await job.cancel('enough')).state, 'cancelled')
  service.entries = [ENTRY]
  const pieces = [new Uint8Array(100_000), new Uint8Array(23)]
  assert.equal(await client.putData({ name: 'rows.arrow', keepMs: 60_000 }, Readable.from(pieces)), ENTRY)
  await client.leave()
  await client.stop()
  assert.equal(service.calls, [
    `approve ${FAKE_PEER}`,
    `remove ${FAKE_PEER} gone`,
    `remove ${FAKE_PEER} removed by an admin`,
    `scale ${job.id} to 3`,
    `cancel ${job.id} enough`,
    'put 100023 bytes as rows.arrow',
    'leave',
    'stop',
  ])
  const { status, body } = await json(socketPath, 'GET', '/v1/jobs')
  assert.is(status, 200)
  assert.is(body.v, 1)
  assert.is(body.data.length, 1)
})

test('an id or a name that cannot be one is called so, however long it is', async () => {
  await using control = await startTestControl()
  const { client } = control
  for (const id of ['', 'j'.repeat(5_000), `job-0123456789abcdef@${FAKE_PEER}@${FAKE_PEER}`]) {
    const job = client.job(id)
    for (const ask of [() => job.status(), () => job.bundle(), () => job.events().next(), () => job.cancel('x')])
      assert.is(await codeOf(ask()), 'job.unknown', id)
  }
  for (const name of ['n'.repeat(300), 'a b', '']) {
    assert.is(await codeOf(client.removeData(name)), 'data.name')
    assert.is(await codeOf(client.putData({ name }, Readable.from([]))), 'data.name')
    assert.is(await codeOf(client.addData({ source: '/x', name })), 'data.name')
  }
})

test('a submission is checked, and its defaults are filled in', async () => {
  await using control = await startTestControl()
  await control.client.infer({ model: 'm.onnx', input: 'in.arrow' })
  assert.equal(control.service.requests[0], {
    program: 'infer',
    model: resolve('m.onnx'),
    input: { path: resolve('in.arrow') },
    outputs: [],
    rowsPerShard: 8,
    requirements: {},
    finite: true,
  })
  const { status, body } = await json(
    control.socketPath,
    'POST',
    '/v1/jobs',
    JSON.stringify({ ...infer, rowsPerShard: 0, colour: 'red' }),
  )
  assert.is(status, 400)
  assert.is(body.v, 1)
  assert.is(body.error.code, 'request.invalid')
  assert.match(body.error.message, /rowsPerShard/)
  assert.match(body.error.message, /colour/)
})

test('errors keep their code and get a fitting status', async () => {
  await using control = await startTestControl()
  const { client, service, socketPath } = control
  service.statuses.set('job-aaaaaaaaaaaaaaaa', jobStatus({ job: 'job-aaaaaaaaaaaaaaaa', name: 'meant' }))
  service.statuses.set('job-bbbbbbbbbbbbbbbb', jobStatus({ job: 'job-bbbbbbbbbbbbbbbb', createdWallMs: 9_999 }))
  const unknown = await json(socketPath, 'GET', '/v1/jobs/job-aaaa')
  assert.is(unknown.status, 404)
  assert.is(unknown.body.error.code, 'job.unknown')
  assert.match(unknown.body.error.message, /job-aaaaaaaaaaaaaaaa \(meant\)/)
  assert.is(await codeOf(client.job('nonsense').status()), 'job.unknown')
  assert.is(await codeOf(client.job('job-x').cancel()), 'job.unknown')
  assert.is(await codeOf(client.remove(FAKE_PEER.replace('WW', 'XX'))), 'member.unknown')
  assert.is(await codeOf(client.remove('somebody')), 'request.invalid')
  assert.is((await json(socketPath, 'GET', '/v2/nothing')).body.error.code, 'request.no-route')
  assert.is((await json(socketPath, 'POST', '/v1/jobs', '{')).body.error.code, 'request.malformed')
  const large = await json(socketPath, 'POST', '/v1/jobs', JSON.stringify({ name: 'x'.repeat(300_000) }))
  assert.is(large.status, 413)
  assert.is(large.body.error.code, 'request.too-large')
  service.onSubmit = async () => {
    throw new Error('a defect')
  }
  const defect = await json(socketPath, 'POST', '/v1/jobs', JSON.stringify(infer))
  assert.is(defect.status, 500)
  assert.is(defect.body.error.code, 'internal.unexpected')
  await client.drain()
  assert.is(await codeOf(client.submit(infer)), 'node.draining')
})

test('a client that gives up aborts the work on the server', async () => {
  await using control = await startTestControl()
  const giveUp = new AbortController()
  const seen = Promise.withResolvers<void>()
  control.service.onSubmit = ({ signal }) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        seen.resolve()
        reject(new Error('aborted'))
      })
      giveUp.abort()
    })
  assert.is(await codeOf(control.client.submit(infer, { signal: giveUp.signal })), 'aborted')
  await seen.promise
})

test('the work of a client that stays is not aborted', async () => {
  await using control = await startTestControl()
  let fired = false
  control.service.onSubmit = async ({ signal }) => {
    signal?.addEventListener('abort', () => {
      fired = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await control.client.submit(infer)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.is(fired, false)
})

test('OpenAPI describes every call', async () => {
  await using control = await startTestControl()
  const { body } = await json(control.socketPath, 'GET', '/openapi.json')
  const described = Object.entries<Record<string, { operationId: string }>>(body.paths).flatMap(([, methods]) =>
    Object.values(methods).map((method) => method.operationId),
  )
  for (const name of [...Object.keys(ROUTES), 'events', 'result', 'upload']) assert.ok(described.includes(name), name)
  const { schema } = body.paths['/v1/jobs'].post.requestBody.content['application/json']
  assert.match(JSON.stringify(schema), /rowsPerShard/)
})

test('a reply of another version is refused', async () => {
  const { checkVersion } = await import('../../../runtime/node/control/connection.ts')
  const code = (reply: unknown) => codeOf(Promise.resolve().then(() => checkVersion(reply)))
  assert.is(await code({ v: 2, data: {} }), 'control.version')
  assert.is(await code({ data: {} }), 'control.malformed')
  assert.is(await code(null), 'control.malformed')
  assert.is(await code({ v: 1, data: {} }), undefined)
})

test.run()
