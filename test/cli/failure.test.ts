import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, aborted, timedOut, userError } from '../../runtime/base/index.ts'
import { exitCodeOf, formatFailure } from '../../runtime/cli/failure.ts'

test('an error is its code, its message and what to try', () => {
  const error = userError('job.unknown', 'no job "x" here', { remedy: 'aivida jobs' })
  assert.is(formatFailure(error, false), 'error job.unknown: no job "x" here\ntry: aivida jobs\n')
})

test('a remedy that the message has already is not repeated', () => {
  const error = userError('node.not-running', 'no node; start one with: aivida up', { remedy: 'aivida up' })
  assert.is(formatFailure(error, false), 'error node.not-running: no node; start one with: aivida up\n')
})

test('what to try finds the same node', () => {
  const told = (remedy: string, message = 'x') =>
    formatFailure(userError('a.b', message, { remedy }), false, '--data-dir /d')
  assert.match(told('aivida jobs --followed'), /try: aivida jobs --data-dir \/d --followed\n/)
  assert.match(told('aivida account create'), /try: aivida account create --data-dir \/d\n/)
  assert.is(told('aivida up', 'start it: aivida up'), 'error a.b: start it: aivida up --data-dir /d\n')
  assert.match(told('kill -9 7'), /try: kill -9 7\n/)
})

test('as JSON it is the whole record', () => {
  const error = userError('a.b', 'c', { d: 1 })
  assert.equal(JSON.parse(formatFailure(error, true)), {
    error: { code: 'a.b', category: 'user', message: 'c', retryable: false, facts: { d: 1 } },
  })
})

test('a defect shows where it happened', () => {
  assert.match(
    formatFailure(new TypeError('x is not a function'), false),
    /^error internal\.unexpected: x is not[\s\S]*failure\.test/,
  )
})

test('a message of another node steers no terminal', () => {
  assert.is(formatFailure(userError('a.b', 'no\u001b[31m'), false), 'error a.b: no [31m\n')
})

test('exit codes go by who can mend it', () => {
  const of = (category: AividaError['category']) => new AividaError({ code: 'a.b', category, message: '' })
  const codes = [
    userError('a.b', ''),
    of('config'),
    of('platform'),
    of('peer'),
    timedOut('x', 1),
    aborted(),
    new Error(),
  ]
  assert.equal(codes.map(exitCodeOf), [2, 3, 4, 5, 6, 130, 1])
})

test.run()
