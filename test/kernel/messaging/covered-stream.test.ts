import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CoveredStream } from '../../../kernel/messaging/covered-stream.ts'

const test = suite('covered stream')

test('what follows the first line of a key is covered only as far as it is one', () => {
  const stream = new CoveredStream()
  const lines = Array.from({ length: 200 }, (_, i) => `step ${i}\n`).join('')
  const first = '-----BEGIN PRIVATE KEY----- is how it starts\n'
  assert.is(stream.next(first) + stream.next(lines), first + lines)
})

test('a long private key that is printed piece by piece is covered to its end, and what follows is not', () => {
  const body = 'MIIJKQIBAAKCAgEA+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ\n'.repeat(190)
  const text = `-----BEGIN RSA PRIVATE KEY-----\n${body}QAB=\n-----END RSA PRIVATE KEY-----\nloss 0.25\n`
  for (const size of [7, 65, 300, 5_000]) {
    const stream = new CoveredStream()
    let shown = ''
    for (let at = 0; at < text.length; at += size) shown += stream.next(text.slice(at, at + size))
    const said = shown.replace(/\s*\[redacted\]\s*/g, '[redacted]').replace(/(\[redacted\])+/g, '[redacted]')
    assert.is(said, '-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\nloss 0.25\n', `by ${size}`)
  }
})

test.run()
