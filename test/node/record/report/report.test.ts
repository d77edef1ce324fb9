import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { curvesOf } from '../../../../runtime/node/record/curves.ts'
import { reportOf } from '../../../../runtime/node/record/index.ts'
import { html } from '../../../../runtime/node/record/report/markup.ts'
import { inferRequestSchema, type JobRecordDocument } from '../../../../runtime/protocol/index.ts'
import { peer, trainingRecord } from '../sample-record.ts'
import { MEMBERS, metricsOf, roundsRecord } from '../sample-rounds.ts'

const EVIL = `"><script>alert('x')</script><img src=x onerror=alert(1)>`

test('what others wrote stays text, wherever it stands', async () => {
  const record = roundsRecord(8)
  record.workers[1]!.name = EVIL
  record.parts[3]!.round!.excluded[0]!.message = EVIL
  record.parts[3]!.round!.excluded[0]!.code = '<b>'
  record.parts[0]!.computedBy![0]!.determinismClass = EVIL
  const request = { ...record.request, script: { name: EVIL, text: `${EVIL}\u202e` } }
  const page = await reportOf(
    { ...record, name: EVIL, request, failure: { code: EVIL, message: EVIL } },
    async (part) => ({
      ...(await metricsOf(part)),
      [EVIL]: tensorOf(Float32Array.from({ length: part.rows }, (_, i) => i)),
    }),
  )
  assert.not.match(page, /<script|<img|<b>: /)
  assert.ok(page.includes('&lt;script&gt;'), 'it is shown')
  assert.not.ok(page.includes('\u202e'))
  assert.is(html`<a title="${EVIL}">`.text.match(/"/g)?.length, 2)
})

test('a job may be called as pieces of the page are', async () => {
  const page = await reportOf({ ...roundsRecord(2), name: 'my STYLE transfer' }, metricsOf)
  assert.match(page, /<title>my STYLE transfer<\/title><style>\n:root/)
})

test('a report needs nothing but itself, and shows curves, workers, every round, hashes and how to do it again', async () => {
  const record = roundsRecord(12)
  const page = await reportOf(record, metricsOf)
  assert.not.match(page, /(?:src|href)=|url\(|@import|<script|https?:/)
  for (const shown of ['worker-3', 'round.late ×3', 'All 12 rounds', 'class="compute"', 'class="reduce"', 'validation'])
    assert.ok(page.includes(shown), shown)
  for (const { blob } of [record.training.state, record.training.data.table, record.model.graph])
    assert.ok(page.includes(blob), blob)
  assert.ok(page.includes(`aivida jobs replay ${record.job}.tar`))
  assert.not.ok(page.includes('/made/here'), 'a path of the machine')
  assert.is(await reportOf(record, metricsOf), page)
})

test('curves are told by steps of one worker, by batches of many, each member its own', async () => {
  const [loss, accuracy] = await curvesOf(trainingRecord(), metricsOf)
  assert.equal([loss!.metric, accuracy!.metric], ['loss', 'accuracy'])
  assert.equal([loss!.training.length, loss!.training[0]![0], loss!.training.at(-1)![0]], [300, 1, 300])
  assert.equal(loss!.validation, [
    [100, 1],
    [200, 0.5],
    [300, 1 / 3],
  ])
  const [rounds] = await curvesOf(roundsRecord(8), metricsOf)
  assert.equal(rounds!.training.length, 8)
  assert.equal(
    MEMBERS.map((member) => rounds!.members.get(member)?.length),
    [8, 8, 6],
  )
  const diverging = await curvesOf(trainingRecord(), async (part) => ({
    loss: tensorOf(Float32Array.from({ length: part.rows }, (_, i) => (i % 2 ? Number.NaN : 1))),
  }))
  assert.is(diverging[0]!.training.length, 150, 'what is no number has no place')
})

test('a job that infers has a report too, and one that has come to nothing', async () => {
  const { training, ...rest } = trainingRecord()
  const request = inferRequestSchema.parse({ program: 'infer', model: '/m.onnx', input: { path: '/made/here/rows' } })
  const parts = rest.parts.map(({ checkpoint, ...part }) => part)
  const record: JobRecordDocument = { ...rest, request, parts }
  const unread = () => Promise.reject(new Error('no part of inference is read'))
  const page = await reportOf(record, unread)
  assert.ok(page.includes('inference') && page.includes('worker-1') && !page.includes('/made/here'))
  const none = await reportOf({ ...record, parts: [], workers: [], name: '' }, unread)
  assert.ok(none.includes('Nobody has computed anything yet') && none.includes(record.job))
  assert.ok(page.includes(peer('A')))
})

test.run()
