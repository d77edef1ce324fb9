import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { begunSecret, isSecretField, redactedText, secretSpans } from '../../runtime/base/secrets.ts'
import { textForm } from '../../runtime/swarm/identity/index.ts'

const test = suite('secrets')

test('secrets that are known by how they look are taken out of any text', () => {
  const bytes = new Uint8Array(64).fill(7)
  for (const prefix of ['aivida1', 'aivback1']) {
    const secret = textForm({ prefix, what: 'a secret', code: 'secret.malformed' }).encode(bytes)
    assert.is(redactedText(`join ${secret} now`), `join ${prefix}[redacted] now`)
  }
  const key = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----'
  assert.is(redactedText(key), '-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----')
  assert.is(
    redactedText('https://b.s3/x?X-Amz-Signature=abc&part=1'),
    'https://b.s3/x?X-Amz-Signature=[redacted]&part=1',
  )
  assert.is(redactedText('AWS_SECRET_ACCESS_KEY=abc/def x'), 'AWS_SECRET_ACCESS_KEY=[redacted] x')
  assert.is(redactedText('authorization: Bearer abcdefghijklmnopq'), 'authorization: Bearer [redacted]')
  assert.is(redactedText('peer 12D3Koo, aivida 1.0'), 'peer 12D3Koo, aivida 1.0')
})

test('fields are known by their names; those that data have too, by their text as well', () => {
  for (const name of ['secretKey', 'password', 'AWS_SECRET_ACCESS_KEY', 'api_key', 'dbPassword', 'mnemonic'])
    assert.ok(isSecretField(name, 'x'), name)
  assert.ok(isSecretField('GITHUB_TOKEN', 'ghp_0123456789abcdef'))
  assert.not.ok(isSecretField('token', 'whale'))
  assert.not.ok(isSecretField('ticket', 'A/5 21171'))
  assert.not.ok(isSecretField('keys', 'x'))
})

test('where secrets stand, and how much of an end may be half of one', () => {
  const text = 'a PASSWORD=Bearer abcdefghijklmnopqr b'
  assert.equal(
    secretSpans(text).map(({ start, end }) => text.slice(start, end)),
    ['Bearer', 'abcdefghijklmnopqr'],
  )
  assert.equal(secretSpans('nothing here'), [])
  assert.is(begunSecret('join aivida1abc'), 'aivida1abc'.length)
  assert.is(begunSecret('join aivida1abc '), 0)
  assert.is(begunSecret('50%'), 0)
})

test.run()
