import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { History } from '../../../kernel/messaging/history.ts'
import type { HistoryRequest } from '../../../kernel/messaging/requests.ts'
import { limit } from '../../../runtime/base/index.ts'

const history = suite('history')

history('gives the last cells, a range of them, or those that fit a pattern', () => {
  const cells = of('const a = 1', 'a', 'let b = 2', 'a')
  assert.equal(cells.find(ask({ n: 2 })), [
    [1, 3, 'let b = 2'],
    [1, 4, 'a'],
  ])
  assert.equal(numbers(cells, { n: 0 }), [])
  assert.equal(numbers(cells, {}), [1, 2, 3, 4])
  assert.equal(numbers(cells, { hist_access_type: 'range', start: 2, stop: 4 }), [2, 3])
  assert.equal(numbers(cells, { hist_access_type: 'range', session: 1, start: 3 }), [3, 4])
  assert.equal(numbers(cells, { hist_access_type: 'range', session: -1 }), [], 'another session')
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: 'a' }), [2, 4])
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: 'a', unique: true }), [4])
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: '*=*' }), [1, 3])
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: '*=*', n: 1 }), [3])
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: 'let ? = ?' }), [3])
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: 'let' }), [])
})

history('gives results where they are asked for', () => {
  const cells = of('1 + 1')
  cells.setResult('2')
  cells.add(2, 'let x')
  assert.equal(cells.find(ask({ output: true })), [
    [1, 1, ['1 + 1', '2']],
    [1, 2, ['let x', null]],
  ])
})

history('a pattern of many stars takes no time', () => {
  const cells = of('a'.repeat(10_000))
  assert.equal(numbers(cells, { hist_access_type: 'search', pattern: `${'*a'.repeat(50)}b` }), [])
})

history('lets the oldest go when there are too many, or too long ones', () => {
  const many = new History()
  for (let n = 1; n <= limit('kernelHistoryCells') + 5; n++) many.add(n, 'x')
  assert.is(many.find(ask({}))[0]![1], 6)
  const long = of('a'.repeat(limit('kernelHistoryCharacters') - 1))
  long.setResult('r')
  assert.equal(numbers(long, {}), [1])
  long.add(2, 'b')
  assert.equal(numbers(long, {}), [2])
})

history.run()

function of(...cells: readonly string[]): History {
  const made = new History()
  for (const [at, code] of cells.entries()) made.add(at + 1, code)
  return made
}

function ask(request: Partial<HistoryRequest>): HistoryRequest {
  return { type: 'history_request', output: false, hist_access_type: 'tail', unique: false, ...request }
}

function numbers(cells: History, request: Partial<HistoryRequest>): number[] {
  return cells.find(ask(request)).map(([, number]) => number)
}
