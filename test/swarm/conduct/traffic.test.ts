import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, limit } from '../../../runtime/base/index.ts'
import { ByteBudget } from '../../../runtime/swarm/conduct/byte-budget.ts'
import { Deadlines } from '../../../runtime/swarm/conduct/deadlines.ts'
import { TokenBucket } from '../../../runtime/swarm/conduct/token-bucket.ts'
import { Traffic } from '../../../runtime/swarm/conduct/traffic.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('traffic')

test('room is bounded by peer and in all; a peer without room holds up nobody else', async () => {
  const budget = new ByteBudget({ perPeerBytes: 10, totalBytes: 25 })
  const order: string[] = []
  const take = async (peer: string, bytes: number) => {
    const release = await budget.reserve(peer, bytes)
    order.push(`${peer}${bytes}`)
    return release
  }
  const [first, second] = [await take('a', 6), await take('b', 10)]
  const waiting = [take('a', 5), take('c', 10), take('d', 9)]
  await new Promise(setImmediate)
  assert.equal(order, ['a6', 'b10', 'd9'])
  assert.is(budget.takenBytes, 25)
  first()
  first() // counts once
  await waiting[0]
  assert.equal(order, ['a6', 'b10', 'd9', 'a5'])
  second()
  await waiting[1]
  for (const each of waiting) (await each)()
  assert.is(budget.takenBytes, 0)
})

test('a message larger than a share still fits when there is nothing else', async () => {
  const budget = new ByteBudget({ perPeerBytes: 10, totalBytes: 25 })
  const release = budget.reserve('a', 100)
  assert.type(release, 'function')
})

test('a sweep that comes late charges nobody for it', () => {
  const deadlines = new Deadlines(500)
  const late: string[] = []
  deadlines.sweep(0)
  deadlines.set(1_400, () => late.push('a'))
  deadlines.set(1_000, () => late.push('b'))()
  deadlines.sweep(500)
  deadlines.sweep(9_000) // held up for 8 s
  assert.equal(late, [])
  deadlines.sweep(9_500)
  assert.equal(late, ['a'])
})

test('a large message has more time, and who is late is told why', () => {
  const clock = new VirtualClock()
  const late: [number, string][] = []
  const slow: string[] = []
  const traffic = new Traffic({ clock, onSlow: (peer, { code }) => slow.push(`${peer} ${code}`) })
  const stop = traffic.start()
  for (const bytes of [0, limit('slowestRateBytes')])
    traffic.watch('a', bytes ? 'send' : 'receive', bytes, (error) => late.push([bytes, (error as AividaError).code]))
  clock.advance(limit('messageMs') + 500)
  assert.equal(late, [[0, 'frame.slow']])
  clock.advance(1_000)
  assert.is(late.length, 2)
  assert.equal(slow, ['a frame.slow', 'a peer.slow-reader'])
  stop()
  assert.is(clock.pending, 0)
})

test('a token bucket gives its burst, then its rate; a debt is waited for, and a long one refused', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0)
  assert.equal(
    Array.from({ length: 6 }, () => bucket.take(1, 0)),
    [true, true, true, true, true, false],
  )
  assert.is(bucket.owe(2, 0), 200)
  assert.is(bucket.oweWithin(250, 1, 0), undefined)
  assert.is(bucket.oweWithin(300, 1, 0), 300)
  assert.ok(bucket.take(5, 10_000))
  assert.not(bucket.take(1, 10_000), 'no more than the burst is saved up')
})

test.run()
