import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { textForm } from '../../../runtime/swarm/identity/index.ts'
import { codeOf } from './sample-keys.ts'

const form = textForm({ prefix: 'thing1', what: 'a thing', code: 'thing.malformed' })
const bytes = seededRandom(1).bytes(300)
const text = form.encode(bytes)

test('bytes come back, through line breaks and blanks too', () => {
  assert.equal(form.decode(text), bytes)
  assert.equal(form.decode(` ${text.slice(0, 80)}\r\n  ${text.slice(80)}\n`), bytes)
  for (const few of [new Uint8Array(), Uint8Array.of(0, 0, 0)]) assert.equal(form.decode(form.encode(few)), few)
})

test('every single wrong, missing or doubled character is found', async () => {
  for (let at = 0; at < text.length; at++) {
    const wrong = text[at] === 'x' ? 'y' : 'x'
    for (const typo of [wrong, '', text[at]! + text[at]!, '0'])
      assert.is(await codeOf(() => form.decode(text.slice(0, at) + typo + text.slice(at + 1))), 'thing.malformed', typo)
  }
})

test('what is no such text at all is refused', async () => {
  const other = textForm({ prefix: 'other1', what: 'another', code: 'other.malformed' }).encode(bytes)
  for (const bad of [
    '',
    'thing1',
    'thing11',
    'hello',
    other,
    other.replace('other1', 'thing1'),
    `thing1${'x'.repeat(1e6)}`,
  ])
    assert.is(await codeOf(() => form.decode(bad)), 'thing.malformed', bad.slice(0, 20))
})

test('the message says what to do, and does not repeat the text', () => {
  assert.throws(
    () => form.decode(`${text}x`),
    (error: Error) => /copy the whole text again/.test(error.message) && !error.message.includes(text.slice(6, 16)),
  )
})

test.run()
