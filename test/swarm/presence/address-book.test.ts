import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AddressBook } from '../../../runtime/swarm/presence/address-book.ts'

test('a card takes the place of hints, and of the card before; a seed address stays', () => {
  const book = new AddressBook()
  book.pin('a', '/seed')
  book.hint('a', '/hint')
  assert.equal(book.addresses('a'), ['/seed', '/hint'])
  book.card('a', ['/lan'])
  assert.equal(book.addresses('a'), ['/lan', '/seed'])
  book.card('a', ['/moved'])
  assert.equal(book.addresses('a'), ['/moved', '/seed'])
})

test('a peer that fails is tried less and less often; one that has moved is tried at once', () => {
  const book = new AddressBook()
  book.card('a', ['/1'])
  const waits: number[] = []
  for (let nowMs = 0; waits.length < 8; nowMs += 100) {
    if (!book.due(nowMs).includes('a')) continue
    waits.push(nowMs)
    book.failed('a', nowMs)
  }
  const gaps = waits.slice(1).map((ms, i) => ms - waits[i]!)
  assert.equal(gaps, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000])
  const lastMs = waits.at(-1)!
  book.card('a', ['/1'])
  assert.equal(book.due(lastMs), [], 'nothing new')
  book.card('a', ['/2'])
  assert.equal(book.due(lastMs), ['a'])
})

test('what waits for others to be tried first is not due before', () => {
  const book = new AddressBook()
  book.pin('seed', '/seed', 1_000)
  book.hint('cached', '/cached')
  assert.equal([book.due(0), book.due(1_000)], [['cached'], ['seed', 'cached']])
})

test('who is never there is forgotten, unless it is a seed', () => {
  const book = new AddressBook()
  book.hint('gone', '/gone')
  book.pin('seed', '/seed')
  for (let i = 0; i < 32; i++) for (const peer of ['gone', 'seed']) book.failed(peer, i * 60_000)
  assert.equal(book.due(1e12), ['seed'])
})

test.run()
