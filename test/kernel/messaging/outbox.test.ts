import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Gate, Outbox } from '../../../kernel/messaging/outbox.ts'
import { limit } from '../../../runtime/base/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('messages to front ends')

test('while all read, everything leaves at once and in order', () => {
  const { left, update, text } = setUp()
  for (let n = 0; n < 5_000; n++) n % 2 === 0 ? update('a', `${n}`) : text(`${n}`)
  assert.equal(left, numbers(5_000))
})

test('of one that is behind and goes on nothing is left out, and nothing overtakes', () => {
  const { left, update, text, reads, clock } = setUp(0)
  for (let n = 0; n < 5_000; n++) n % 2 === 0 ? update('a', `${n}`) : text(`${n}`)
  assert.equal(left, [])
  for (let ms = 0; ms < 5_000 && left.length < 5_000; ms += 100) {
    reads(500)
    clock.advance(100)
  }
  assert.equal(left, numbers(5_000))
})

test('of one that reads nothing: each display has its newest update now and then, all else leaves, nothing else is dropped', () => {
  const { left, forced, update, text, other, clock } = setUp(0)
  update('a', 'a1')
  text('t1')
  update('b', 'b1')
  update('a', 'a2')
  clock.advance(limit('kernelStallMs') - 1)
  assert.equal(left, [])
  clock.advance(1_000)
  assert.equal(left, ['t1', 'b1', 'a2'])
  for (let n = 3; n < 10_000; n++) update('a', `a${n}`)
  text('t2')
  assert.equal(left.slice(3), ['t2'], 'text does not wait')
  update('b', 'b2')
  clock.advance(limit('kernelStalledUpdateMs'))
  assert.equal(left.slice(4), ['a9999', 'b2'])
  update('a', 'last')
  other('idle')
  assert.equal(left.slice(6), ['last', 'idle'], 'a cell does not end before its last update')
  assert.equal(forced, left)
})

test('once it reads again, everything leaves at once', () => {
  const { left, forced, update, clock, reads } = setUp(0)
  update('a', '1')
  clock.advance(2_000)
  update('a', '2')
  reads(1_000)
  clock.advance(limit('kernelStalledUpdateMs'))
  update('a', '3')
  update('a', '4')
  assert.equal(left, ['1', '2', '3', '4'])
  assert.equal(forced, ['1'])
})

test('what waits for one that is slow has bounds: by count and by bytes', () => {
  for (const [count, size] of [
    [limit('kernelWaitingMessages') + 2, 1],
    [18, 1 << 20],
  ] as const) {
    const { left, update } = setUp(0)
    for (let n = 0; n < count; n++) update('a', 'x'.repeat(size))
    assert.is(left.length, 1, `${count} of ${size} bytes`)
  }
})

test('nothing is kept back at the end', () => {
  const { left, outbox, update, text } = setUp(0)
  update('a', '1')
  text('2')
  outbox.close()
  assert.equal(left, ['1', '2'])
})

test.run()

/** An outbox whose reader has room for so many messages. */
function setUp(room = Number.POSITIVE_INFINITY) {
  const clock = new VirtualClock()
  const [left, forced]: [string[], string[]] = [[], []]
  const textOf = (frames: readonly Uint8Array[]) => Buffer.from(frames[0]!).toString()
  const gate: Gate = {
    offer: (frames) => {
      if (room <= 0) return false
      room--
      left.push(textOf(frames))
      return true
    },
    force: (frames) => {
      forced.push(textOf(frames))
      left.push(textOf(frames))
    },
  }
  const outbox = new Outbox(gate, clock)
  const frames = (text: string) => [Buffer.from(text)]
  return {
    ...{ clock, left, forced, outbox },
    reads: (count: number) => (room += count),
    update: (display: string, text: string) => outbox.send({ frames: frames(text), updates: display }),
    text: (text: string) => outbox.send({ frames: frames(text), isText: true }),
    other: (text: string) => outbox.send({ frames: frames(text) }),
  }
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}`)
}
