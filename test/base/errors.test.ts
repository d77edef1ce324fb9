import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  AividaError,
  aborted,
  assertNever,
  fromRecord,
  invariant,
  isAividaError,
  peerError,
  timedOut,
  toAividaError,
  userError,
} from '../../runtime/base/errors.ts'

const errors = suite('errors')

errors('carry code, category, cause and facts; not retryable unless said', () => {
  const cause = new Error('socket closed')
  const error = new AividaError({
    code: 'lease.lost',
    category: 'peer',
    message: 'lost',
    cause,
    facts: { shard: 's' },
  })
  assert.instance(error, Error)
  assert.is(error.cause, cause)
  assert.is(error.retryable, false)
  assert.equal(error.toJSON(), {
    code: 'lease.lost',
    category: 'peer',
    message: 'lost',
    retryable: false,
    facts: { shard: 's' },
  })
  assert.not('cause' in new AividaError({ code: 'a.b', category: 'user', message: 'm' }))
})

errors('survive a process border as data', () => {
  const sent = timedOut('dial', 500)
  const received = fromRecord(JSON.parse(JSON.stringify(sent)))
  assert.equal(received.toJSON(), sent.toJSON())
  assert.ok(isAividaError(received, 'timeout'))
  assert.ok(received.retryable)
})

errors('are told apart by name and code, not by class', () => {
  const foreign = Object.assign(new Error('m'), { name: 'AividaError', code: 'lease.expired' })
  assert.ok(isAividaError(foreign))
  assert.ok(isAividaError(foreign, 'lease.expired'))
  assert.not(isAividaError(foreign, 'lease.lost'))
  assert.not(isAividaError(new Error('m')))
  assert.not(isAividaError({ name: 'AividaError' }))
})

errors('wrap what is foreign: an abort as aborted, anything else as internal', () => {
  const ours = userError('job.empty', 'm')
  assert.is(toAividaError(ours), ours)
  const abort = new DOMException('stop', 'AbortError')
  assert.is(toAividaError(abort).code, 'aborted')
  const other = new TypeError('x is undefined')
  assert.equal(toAividaError(other), toAividaError(other, 'internal.unexpected'))
  assert.is(toAividaError(other).cause, other)
  assert.is(toAividaError('text', 'engine.died').code, 'engine.died')
  assert.is(toAividaError('text').message, 'text')
})

errors('name what the owner of the machine can mend, unless the caller has a name for it', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  const error = toAividaError(full)
  assert.equal([error.code, error.category, error.cause], ['disk.full', 'platform', full])
  assert.match(error.message, /^ENOSPC.*; free some space/)
  assert.is(toAividaError(Object.assign(new Error('m'), { code: 'EACCES' })).code, 'system.forbidden')
  assert.is(toAividaError(full, 'log.failed').code, 'log.failed')
})

errors('have their categories', () => {
  assert.is(userError('a.b', 'm').category, 'user')
  assert.is(peerError('a.b', 'm', { n: 1 }).facts.n, 1)
  assert.is(aborted().category, 'aborted')
  assert.is(timedOut('x', 1).category, 'timeout')
})

errors('stop broken promises of our own code', () => {
  invariant(true, 'never')
  assert.throws(() => invariant(0, 'zero'), isCode('internal.invariant'))
  assert.throws(() => assertNever('odd' as never), isCode('internal.unreachable'))
})

errors.run()

function isCode(code: string): (error: unknown) => boolean {
  return (error) => isAividaError(error, code)
}
