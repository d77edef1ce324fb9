import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Limit } from '../../runtime/base/limit.ts'
import { LIMITS, limit } from '../../runtime/base/limits.ts'

const UNIT_ENDINGS: Partial<Record<Limit['unit'], string>> = { bytes: 'Bytes', ms: 'Ms', characters: 'Characters' }

const limits = suite('limits')

limits('each has a positive whole value, a reason, and a name that ends with its unit', () => {
  for (const [name, { value, unit, reason }] of Object.entries<Limit>(LIMITS)) {
    assert.ok(Number.isSafeInteger(value) && value > 0, name)
    assert.ok(reason.length > 10, `${name} says why`)
    const ending = UNIT_ENDINGS[unit]
    if (ending) assert.ok(name.endsWith(ending), `${name} is in ${unit}`)
    else for (const other of ['Bytes', 'Ms']) assert.not(name.endsWith(other), `${name} is in ${unit}`)
  }
})

limits('fit each other', () => {
  assert.is(limit('heartbeatMs'), LIMITS.heartbeatMs.value)
  assert.ok(limit('suspectAfterMs') > 2 * limit('heartbeatMs'))
  assert.ok(limit('suspectAfterMs') + limit('heartbeatMs') <= 2_500, 'a silent worker is suspected within 2.5 s')
  assert.ok(limit('lostAfterMs') > limit('suspectAfterMs'))
  assert.ok(limit('chunkBytes') <= limit('frameBodyBytes'))
  assert.ok(limit('documentBytes') <= limit('frameHeaderBytes'))
})

limits.run()
