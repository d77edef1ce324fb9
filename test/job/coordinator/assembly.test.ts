import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { Assembly, batchesPerPart } from '../../../runtime/job/coordinator/assembly.ts'
import type { PartOrder } from '../../../runtime/job/programs/index.ts'
import type { JobSpec } from '../../../runtime/protocol/index.ts'

function bench(perPart: number) {
  const done: string[] = []
  const assembly = new Assembly({
    batchesPerPart: perPart,
    commit: ({ index, pieces }) => done.push(`part ${index}: ${pieces.map(({ order }) => order.index)}`),
    after: (fn) => fn(),
  })
  const add = (index: number, shard = `shard-${index}`) => {
    const order: PartOrder = { index, firstRow: index, rows: 1, shard, outputs: { blob: '', sizeBytes: 10 } }
    assembly.add({ order, outputs: new Uint8Array(10), others: [], labels: undefined })
  }
  const settle = (shard: string) => assembly.after(shard, () => done.push(`settled ${shard}`))
  return { assembly, add, settle, done }
}

test('a part is what its batches are, in order, whenever they come; the last one may be shorter', () => {
  const { assembly, add, done } = bench(3)
  for (const index of [4, 0, 2, 5, 6]) add(index)
  assert.equal([done, assembly.waiting, assembly.waitingBytes], [[], 5, 50])
  add(1)
  add(3)
  assert.equal(done, ['part 0: 0,1,2', 'part 1: 3,4,5'])
  assembly.end(7)
  assert.equal(done.at(-1), 'part 2: 6')
  assert.equal([assembly.waiting, assembly.waitingBytes], [0, 0])
})

test('the last part waits for batches that were read and are not here', () => {
  const { assembly, add, done } = bench(3)
  add(3)
  assembly.end(5)
  assert.equal(done, [])
  add(4)
  assert.equal(done, ['part 1: 3,4'])
})

test('what waits for a shard waits for every part that it is in', () => {
  const { add, settle, done } = bench(2)
  add(0, 'same')
  add(2, 'same')
  settle('same')
  add(1)
  settle('shard-1')
  assert.equal(done, ['part 0: 0,1', 'settled shard-1'])
  add(3)
  assert.equal(done.slice(2), ['part 1: 2,3', 'settled same'])
})

test('the end of a job lets go what waits for parts that will not be', () => {
  const { assembly, add, settle, done } = bench(3)
  add(0)
  settle('shard-0')
  assembly.clear()
  assert.equal([done, assembly.waiting], [['settled shard-0'], 0])
})

test('a part holds as many whole shards as fit, at least one and not without bound', () => {
  const request = (rowsPerShard: number, rowsPerPart?: number) => ({ rowsPerShard, rowsPerPart }) as JobSpec['request']
  assert.equal([request(8), request(8, 4), request(8, 31), request(1, 1 << 20)].map(batchesPerPart), [
    1,
    1,
    3,
    limit('shardsPerPart'),
  ])
})

test.run()
