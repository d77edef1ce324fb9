import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { bytesSchema, canonicalBytes, codec, isAividaError } from '../../runtime/base/index.ts'

const noteSchema = z.object({
  text: z.string(),
  count: z.int(),
  data: bytesSchema,
  tags: z.array(z.string()).optional(),
})
const note = codec({ name: 'note', schema: noteSchema })
const value = { text: 'hello', count: 3, data: Uint8Array.of(1, 2) }

const encoding = suite('encoding')

encoding('bytes of version 1 are read for ever, and written as they were', () => {
  const file = new URL('../fixtures/base/encoding-v1.json', import.meta.url)
  const fixtures: { name: string; hex: string; value: { text: string; count: number; data: string } }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  assert.ok(fixtures.length > 0)
  for (const { name, hex, value } of fixtures) {
    const expected = { ...value, data: new Uint8Array(Buffer.from(value.data, 'hex')) }
    const decoded = note.decode(Buffer.from(hex, 'hex'))
    assert.equal({ ...decoded, data: new Uint8Array(decoded.data) }, expected, name)
    assert.is(Buffer.from(note.encode(expected)).toString('hex'), hex, name)
  }
})

encoding('equal values give equal bytes, whatever the order of their keys and fields without a value', () => {
  const shuffled = { data: value.data, tags: undefined, count: 3, text: 'hello' }
  assert.equal(note.encode(value), note.encode(shuffled as typeof value))
  assert.equal(canonicalBytes({ a: 1, b: [{ c: undefined }] }), canonicalBytes({ b: [{}], a: 1 }))
})

encoding('an unknown field is dropped, a newer version refused', () => {
  assert.equal(note.decode(canonicalBytes({ ...value, v: 1, later: true })), value)
  assert.throws(
    () => note.decode(canonicalBytes({ ...value, v: 2 })),
    is('encoding.version', /version 2 is newer than 1/),
  )
})

encoding('an old version is upgraded step by step, or refused when the step is gone', () => {
  const upgrades = { 2: (old: Record<string, unknown>) => ({ ...old, text: `${old.text}!` }) }
  const newest = codec({ name: 'note', version: 3, schema: noteSchema, upgrades })
  assert.is(newest.decode(canonicalBytes({ ...value, v: 2 })).text, 'hello!')
  assert.throws(() => newest.decode(canonicalBytes({ ...value, v: 1 })), is('encoding.version', /no longer read/))
  assert.is(newest.decode(newest.encode(value)).text, 'hello')
})

encoding('what is too large, not CBOR, without a version or of another shape is refused by code', () => {
  const small = codec({ name: 'note', schema: noteSchema, maxBytes: 10 })
  assert.throws(() => small.decode(note.encode(value)), is('encoding.size', /at most 10/))
  assert.throws(() => note.decode(Uint8Array.of(0xff)), is('encoding.malformed', /not DAG-CBOR/))
  assert.throws(() => note.decode(note.encode(value).subarray(0, -1)), is('encoding.malformed', /not DAG-CBOR/))
  for (const version of [undefined, 0, 1.5, '1'])
    assert.throws(
      () => note.decode(canonicalBytes({ ...value, v: version })),
      is('encoding.version', /expected a version/),
    )
  for (const other of [[1], 7, null, 'text'])
    assert.throws(() => note.decode(canonicalBytes(other)), is('encoding.version', /expected a version/))
  const wrong = canonicalBytes({ ...value, count: 'three', v: 1 })
  assert.throws(() => note.decode(wrong), is('encoding.malformed', /count/))
})

encoding.run()

function is(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => isAividaError(error, code) && error.category === 'peer' && message.test(error.message)
}
