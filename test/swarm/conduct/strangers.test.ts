import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { hostOf, Strangers } from '../../../runtime/swarm/conduct/strangers.ts'

const test = suite('strangers')

test('of one address only so many, and another one still gets in', () => {
  const strangers = new Strangers()
  const entered = Array.from({ length: 100 }, (_, i) => strangers.enter(`a${i}`, 'a', 0)).filter(Boolean)
  assert.is(entered.length, limit('strangersPerHost'))
  assert.ok(strangers.enter('b0', 'b', 0))
})

test('of all addresses together only so many', () => {
  const strangers = new Strangers()
  const entered = Array.from({ length: 500 }, (_, i) => strangers.enter(`${i}`, `host ${i}`, 0)).filter(Boolean)
  assert.is(entered.length, limit('strangers'))
})

test('who comes and goes is counted by its rate', () => {
  const strangers = new Strangers()
  let entered = 0
  for (let i = 0; i < 1_000; i++) {
    if (strangers.enter(`${i}`, 'a', i)) entered++
    strangers.leave(`${i}`)
  }
  const most = limit('strangersPerHost') + limit('strangersPerSecond')
  assert.ok(entered >= most - 1 && entered <= most, `${entered}`)
})

test('whose time is up is shown out, once', () => {
  const strangers = new Strangers()
  strangers.enter('early', 'a', 0)
  strangers.enter('late', 'a', 5_000)
  assert.equal(strangers.overdue(limit('strangerMs')), [{ peer: 'early', host: 'a' }])
  assert.equal(strangers.overdue(limit('strangerMs')), [])
  assert.ok(strangers.has('late'))
})

test('hellos wait their turn, and those that would wait too long are refused without being counted', () => {
  const strangers = new Strangers()
  const waits = Array.from({ length: 1_000 }, () => strangers.helloWaitMs('a', 0))
  assert.is(waits[0], 0)
  assert.is(waits.filter((wait) => wait === 0).length, limit('strangersPerHost'))
  assert.ok(Math.max(...waits.map((wait) => wait ?? 0)) <= limit('helloMs') / 2)
  assert.is(waits.at(-1), undefined)
  assert.is(strangers.helloWaitMs('b', 0), 0, 'another address does not wait')
})

test('an IPv6 network is one place, an IPv4 address another', () => {
  assert.is(hostOf('/ip4/192.0.2.7/udp/4001/quic-v1'), '192.0.2.7')
  assert.is(hostOf('/ip6/2001:db8:1:2:3:4:5:6/tcp/1'), '2001:db8:1:2::/64')
  assert.is(hostOf('/ip6/2001:db8:1:2::9/tcp/1'), '2001:db8:1:2::/64')
  assert.is(hostOf('/ip6/::1/tcp/1'), '0:0:0:0::/64')
  assert.is(hostOf('/memory/12D3'), '12D3')
})

test.run()
