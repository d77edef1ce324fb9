import { existsSync } from 'node:fs'
import { readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Int32, makeVector, Table, tableFromIPC, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { ARROW_STREAM } from '../../../runtime/node/control/routes.ts'
import type { ResultPart } from '../../../runtime/protocol/index.ts'
import { codeOf, http, json, startTestControl, type TestControl } from '../../support/control.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'

function table(first: number, rows: number): Table {
  const index = Array.from({ length: rows }, (_, row) => first + row)
  return new Table({
    row: vectorFromArray(index, new Int32()),
    text: vectorFromArray(
      index.map((row) => (row % 3 ? `line ${row}` : null)),
      new Utf8(),
    ),
  })
}

async function writeParts(control: TestControl, contents: readonly Uint8Array[]): Promise<string[]> {
  const files = contents.map((_, index) => join(control.folder, `part-${index}.arrow`))
  await Promise.all(contents.map((bytes, index) => writeFile(files[index]!, bytes)))
  const parts = files.map((file, index): ResultPart => {
    return { index, file, firstRow: 0, rows: 1, sha256: 'a'.repeat(64), shard: 'b'.repeat(64) }
  })
  control.service.results.set(JOB, parts)
  control.service.update(JOB, { state: 'done' })
  return files
}

test('a result is its parts as one table, whichever Arrow format they have', async () => {
  await using control = await startTestControl()
  await writeParts(control, [
    tableToIPC(table(0, 5), 'file'),
    tableToIPC(table(5, 1), 'stream'),
    tableToIPC(table(6, 0), 'file'),
    tableToIPC(table(6, 4), 'file'),
  ])
  const result = await control.client.job(JOB).result()
  assert.equal(
    result.toArray().map((row) => row.toJSON()),
    table(0, 10)
      .toArray()
      .map((row) => row.toJSON()),
  )
  const reply = await http(control.socketPath, 'GET', `/v1/jobs/${JOB}/result`)
  assert.is(reply.headers['content-type'], ARROW_STREAM)
  assert.is(tableFromIPC(Buffer.concat(await reply.toArray())).numRows, 10)
})

test('a large result passes through in pieces, at the speed of its reader', async () => {
  await using control = await startTestControl()
  const rows = 2_000_000
  const part = tableToIPC(new Table({ x: makeVector(new Float32Array(rows)) }), 'file')
  const files = await writeParts(control, [part])
  control.service.results.set(
    JOB,
    Array.from({ length: 16 }, () => control.service.results.get(JOB)![0]!),
  )
  const before = process.memoryUsage().arrayBuffers
  const reply = await http(control.socketPath, 'GET', `/v1/jobs/${JOB}/result`)
  reply.pause()
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.ok(process.memoryUsage().arrayBuffers - before < 48 << 20, 'a paused reader makes the server read on')
  let bytes = 0
  for await (const piece of reply) bytes += piece.length
  assert.ok(bytes > 16 * rows * 4)
  assert.ok(existsSync(files[0]!))
})

test('what is wrong with a result is said', async () => {
  await using control = await startTestControl()
  const job = control.client.job(JOB)
  const result = () => json(control.socketPath, 'GET', `/v1/jobs/${JOB}/result`)
  control.service.update(JOB, { state: 'running' })
  assert.is((await result()).status, 409)
  assert.is((await result()).body.error.code, 'job.not-done')
  control.service.update(JOB, { state: 'done' })
  assert.is(await codeOf(job.result()), 'result.no-parts')
  const [, second] = await writeParts(control, [tableToIPC(table(0, 5), 'file'), tableToIPC(table(5, 500), 'file')])
  await truncate(second!, 1_000)
  assert.is(await codeOf(job.result()), 'control.broken') // the reply had begun: it breaks, and never looks whole
  await writeParts(control, [Buffer.from('no Arrow at all')])
  assert.is(await codeOf(job.result()), 'result.part-damaged')
  control.service.results.get(JOB)![0] = { ...control.service.results.get(JOB)![0]!, file: '/nowhere/part' }
  assert.is(await codeOf(job.result()), 'result.part-missing')
  const other = new Table({ y: vectorFromArray([1], new Int32()) })
  await writeParts(control, [tableToIPC(table(0, 0), 'file'), tableToIPC(other, 'file')])
  assert.is(await codeOf(job.result()), 'control.broken')
})

test('a table is uploaded once and used as an input by its path', async () => {
  await using control = await startTestControl()
  const { client, service } = control
  const source = await client.upload(table(0, 100))
  assert.is(source.format, 'arrow')
  assert.is(tableFromIPC(await readFile(source.path)).numRows, 100)
  assert.is((await client.upload(tableToIPC(table(0, 100), 'stream'))).path, source.path)
  await client.infer({ model: '/m.onnx', input: table(0, 100) })
  assert.equal((service.requests[0] as { input?: unknown }).input, source)
  assert.equal(await readdir(join(control.folder, 'uploads')), [source.path.split('/').at(-1)])
})

test('an upload that is no Arrow, empty, too large or given up leaves nothing behind', async () => {
  await using control = await startTestControl()
  const { client, socketPath, folder } = control
  assert.is(await codeOf(client.upload(Buffer.from('a,b\n1,2\n'))), 'data.not-arrow')
  assert.is(await codeOf(client.upload(new Uint8Array())), 'data.not-arrow')
  const untyped = await json(socketPath, 'POST', '/v1/data', '{}')
  assert.is(untyped.body.error.code, 'data.not-arrow')
  const large = new Uint8Array(limit('requestBytes') + 1).fill(0xff, 0, 4)
  const code = await codeOf(client.upload(large))
  assert.ok(code === 'request.too-large' || code === 'control.broken', code)
  const call = request({ socketPath, method: 'POST', path: '/v1/data', headers: { 'content-type': ARROW_STREAM } })
  call.on('error', () => {})
  call.write(tableToIPC(table(0, 100), 'stream'))
  const uploads = join(folder, 'uploads')
  while ((await readdir(uploads)).length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  call.destroy()
  while ((await readdir(uploads)).length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
})

test('uploads are bounded: old ones make room, and without any the upload is refused', async () => {
  await using control = await startTestControl()
  const uploads = join(control.folder, 'uploads')
  const files = Array.from({ length: limit('uploads') }, (_, index) => join(uploads, `${index}.arrow`))
  await Promise.all(files.map((file) => writeFile(file, '')))
  assert.is(await codeOf(control.client.upload(table(0, 1))), 'data.full')
  const old = (Date.now() - limit('uploadKeepMs')) / 1_000 - 1
  await utimes(files[7]!, old, old)
  await control.client.upload(table(0, 1))
  assert.is(existsSync(files[7]!), false)
  assert.is(existsSync(files[8]!), true)
})

test('half-written uploads of an earlier run are cleared away at the start', async () => {
  await using control = await startTestControl()
  const partial = join(control.folder, 'uploads', 'partial-x')
  await writeFile(partial, '')
  await control.restart()
  assert.is(existsSync(partial), false)
})

test.run()
