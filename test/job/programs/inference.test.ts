import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inference } from '../../../runtime/job/programs/index.ts'
import { type ModelRef, shardId } from '../../../runtime/protocol/index.ts'

const blob = (letter: string) => ({ blob: letter.repeat(64), sizeBytes: 8 })
const model: ModelRef = { graph: blob('a'), weights: [] }
const program = (window = 2) => inference({ model, outputs: [], window })
const batch = (index: number, letter: string) => ({
  type: 'batch' as const,
  index,
  firstRow: index * 8,
  rows: 8,
  inputs: blob(letter),
})
const spec = (letter: string) => ({ kind: 'infer' as const, model, inputs: blob(letter), rows: 8, outputs: [] })

const receipt = { worker: 'someone', computeMs: 1 }

test('asks for a window of batches, and for one more as each part is ordered', () => {
  const p = program()
  const { state, pull } = p.start()
  assert.is(pull, 2)
  assert.is(p.step(state, batch(0, 'b')).pull, 0)
  const step = p.step(state, { type: 'accepted', shard: shardId(spec('b')), outputs: blob('f'), receipt })
  assert.is(step.pull, 1)
  assert.equal(step.parts, [{ index: 0, firstRow: 0, rows: 8, shard: shardId(spec('b')), outputs: blob('f') }])
})

test('emits one shard a batch, and one for equal batches, whose result becomes both parts', () => {
  const p = program(3)
  const { state } = p.start()
  assert.equal(p.step(state, batch(0, 'b')).shards, [spec('b')])
  assert.equal(p.step(state, batch(1, 'b')).shards, [])
  assert.equal(p.step(state, batch(2, 'c')).shards, [spec('c')])
  const { parts } = p.step(state, { type: 'accepted', shard: shardId(spec('b')), outputs: blob('f'), receipt })
  assert.equal(
    parts.map((part) => part.index),
    [0, 1],
  )
})

test('is done when the source has ended and every part is ordered', () => {
  const p = program()
  const { state } = p.start()
  p.step(state, batch(0, 'b'))
  assert.is(p.step(state, { type: 'source-ended' }).done, undefined)
  const last = p.step(state, { type: 'accepted', shard: shardId(spec('b')), outputs: blob('f'), receipt })
  assert.equal(last.done, { ok: true })
  assert.is(last.pull, 0)
})

test('a provisional result orders nothing, a retracted one is computed again', () => {
  const p = program()
  const { state } = p.start()
  p.step(state, batch(0, 'b'))
  const shard = shardId(spec('b'))
  assert.equal(p.step(state, { type: 'result', shard, outputs: blob('f') }).parts, [])
  assert.equal(p.step(state, { type: 'retracted', shard }).shards, [spec('b')])
})

test('a poison shard ends the job, names its causes and calls the others off', () => {
  const p = program()
  const { state } = p.start()
  p.step(state, batch(0, 'b'))
  p.step(state, batch(1, 'c'))
  const failures = [{ peer: 'A', code: 'engine.died', message: 'x', retryable: true }]
  const step = p.step(state, { type: 'poison', shard: shardId(spec('b')), failures })
  assert.equal(step.done, { ok: false, shard: shardId(spec('b')), failures })
  assert.equal(step.cancel, [shardId(spec('c'))])
})

test.run()
