import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeManifest, encodeManifest, manifestOf } from '../../../runtime/node/record/bundle-manifest.ts'
import { contentsOf, scriptName } from '../../../runtime/node/record/contents.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'
import { blob, digest, trainingRecord } from './sample-record.ts'
import { roundsRecord } from './sample-rounds.ts'

const record = trainingRecord()
const manifest = manifestOf(record, contentsOf(record), false)

test('a manifest names all that a training was made from and came to, each once', () => {
  assert.equal(
    contentsOf(record, '/out').map(({ role, blob, path }) => [role, blob[0], path]),
    [
      ['step', 'a', '/made/here/step.onnx'],
      ['evaluation', 'e', '/made/here/evaluation.onnx'],
      ['state', 'b', '/made/here/state.safetensors'],
      ['rows', 'd', '/made/here/data.rows'],
      ['last state', '2', '/out/last.safetensors'],
    ],
  )
  const worse = record.parts.map((part, i) =>
    i < 2 ? part : { ...part, checkpoint: { ...part.checkpoint!, validation: { loss: 9 } } },
  )
  const best = contentsOf({ ...record, parts: worse }, '/out').at(-1)!
  assert.equal([best.role, best.blob, best.path], ['best state', digest('1'), '/out/best.safetensors'])
})

test('a manifest leads nowhere on the machine that it was made on', () => {
  const failed = trainingRecord({ failure: { code: 'x.y', message: 'no /made/here' } })
  const bytes = Buffer.from(encodeManifest(manifestOf(failed, contentsOf(failed, '/made/here'), true)))
  assert.not.ok(bytes.includes('/made/here'))
  const left = roundsRecord(4)
  left.parts[3]!.round!.excluded[0] = { peer: 'p', code: 'disk.full', message: 'no room in /made/here' }
  left.request.script = { name: '/made/here/train.ts', text: '1' }
  const { record } = manifestOf(left, contentsOf(left), true)
  assert.not.match(JSON.stringify(record), /made.here/)
  assert.is(record.parts[3]!.round!.excluded[0]!.code, 'disk.full')
  assert.is(record.request.program === 'train' && record.request.script?.name, 'train.ts')
  assert.is(scriptName({ name: 'C:\\made\\here\\train.ts', text: '' }), 'train.ts')
  assert.is(manifest.record.request.program === 'train' && manifest.record.request.data.path, `blobs/${digest('d')}`)
  assert.equal(
    manifest.contents.filter(({ included }) => !included),
    [{ ...blob('d'), role: 'rows', included: false }],
  )
})

test('a manifest that was written is read again, whatever the order of its fields', () => {
  const bytes = encodeManifest(manifest)
  assert.equal(encodeManifest(decodeManifest(bytes)), bytes)
  const turned = Object.fromEntries(Object.entries(manifest).reverse()) as typeof manifest
  assert.equal(encodeManifest(turned), bytes)
})

test('what is no manifest, or a newer one, is refused by name', async () => {
  const refused = (value: unknown) => codeOf(() => decodeManifest(Buffer.from(JSON.stringify(value))))
  assert.is(await codeOf(() => decodeManifest(Buffer.from('{'))), 'bundle.malformed')
  for (const value of [null, 1, [], { v: 1 }, { ...manifest, v: 0 }, { ...manifest, kind: 'other' }])
    assert.is(await refused(value), 'bundle.malformed', JSON.stringify(value)?.slice(0, 40))
  assert.is(await refused({ ...manifest, v: 2 }), 'bundle.version')
  assert.equal(decodeManifest(Buffer.from(JSON.stringify({ ...manifest, later: 1 }))), manifest)
})

test.run()
