import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { randomId, seededRandom, systemRandom } from '../../runtime/base/random.ts'

const random = suite('random')

random('a seed gives one stream, another seed another', () => {
  assert.equal(seededRandom(7).bytes(16), seededRandom(7).bytes(16))
  assert.not.equal(seededRandom(7).bytes(16), seededRandom(8).bytes(16))
  assert.is(Buffer.from(seededRandom(1).bytes(8)).toString('hex'), SEED_1, 'recorded simulations replay this stream')
})

random('floats lie in [0, 1) and fill it evenly', () => {
  for (const source of [seededRandom(3), systemRandom]) {
    const tenths = new Array<number>(10).fill(0)
    for (let draw = 0; draw < 10_000; draw++) {
      const value = source.float()
      assert.ok(value >= 0 && value < 1)
      tenths[Math.floor(value * 10)]!++
    }
    for (const count of tenths) assert.ok(count > 800 && count < 1_200, `${tenths}`)
  }
})

random('bytes have the length asked for', () => {
  assert.is(systemRandom.bytes(33).length, 33)
  assert.is(seededRandom(1).bytes(0).length, 0)
})

random('identifiers are base 32 without ambiguous letters', () => {
  assert.match(randomId(systemRandom), /^[0-9a-hjkmnp-tv-z]{16}$/)
  assert.is(randomId(seededRandom(1), 26).length, 26)
  assert.is(randomId({ bytes: () => Uint8Array.of(0, 31, 32, 255), float: () => 0 }, 4), '0z0z')
})

const SEED_1 = '966e1c8145a8c85e'

random.run()
