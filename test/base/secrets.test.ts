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

test('secrets are told also in colour, under the names of the environment, and by what those who issue them write first', () => {
  const key = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'
  const red = '\x1b[31m'
  for (const [text, kept] of [
    [`${red}Bearer ${key}\x1b[0m`, `${red}Bearer [redacted]\x1b[0m`],
    [`${red}API_KEY=abc\x1b[0m x`, `${red}API_KEY=[redacted]\x1b[0m x`],
    [`${red}PASSWORD\x1b[0m=${red}hunter2\x1b[0m`, `${red}PASSWORD\x1b[0m=${red}[redacted]\x1b[0m`],
    [`GITHUB_TOKEN=ghp_${key}`, 'GITHUB_TOKEN=[redacted]'],
    [`S3_API_KEY=abc, API_KEY = abc.`, 'S3_API_KEY=[redacted], API_KEY = [redacted].'],
    ['PASSWORD="hunter2"', 'PASSWORD="[redacted]"'],
    ['PASSWORD=hunter(2 x', 'PASSWORD=[redacted] x'],
    ['AWS_SECRET_ACCESS_KEY = wJalr/a+b', 'AWS_SECRET_ACCESS_KEY = [redacted]'],
    [`x ${red}ghp_${key}, hf_${key}.`, `x ${red}ghp_[redacted], hf_[redacted].`],
    ['AKIAIOSFODNN7EXAMPLE', 'AKIA[redacted]'],
    [`"sk-proj-${key}"`, '"sk-[redacted]"'],
  ] as const)
    assert.is(redactedText(text), kept)
})

test('what is no secret stays', () => {
  for (const text of [
    'has_password=true, count_secret=3, reset_password=false',
    'f(x)?sig=2',
    'Bearer transportation-service, PAD_TOKEN=[PAD], next_token=whale',
    'PASSWORD = getpass.getpass()',
    'risk-management-of-something-long2',
    '-----BEGIN PRIVATE KEY----- is how it starts\nstep 1\nstep 2',
  ])
    assert.is(redactedText(text), text)
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
