import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../runtime/base/index.ts'
import { type ProgramStep, progressOf, type TrainingOptions, training } from '../../../runtime/job/programs/index.ts'
import type { Checkpoint, TrainShard } from '../../../runtime/protocol/index.ts'
import { shardId } from '../../../runtime/protocol/index.ts'

const test = suite('the training program')

const ref = (name: string) => ({ blob: sha256(Buffer.from(name)), sizeBytes: 1 })
const model = { graph: ref('step'), weights: [] }
const data = { table: ref('rows'), firstRow: 0, rows: 100 }
const outputs = ref('metrics')
const receipt = { worker: 'someone', computeMs: 1 }

function options(
  changes: Partial<TrainingOptions['training']> = {},
  more: Partial<TrainingOptions> = {},
): TrainingOptions {
  return {
    model,
    training: { state: ref('start'), data, steps: 250, batchSize: 10, ...changes },
    request: { seed: 1, learningRate: { kind: 'constant', rate: 1 }, stepsPerShard: 100, commitEvery: 10 },
    before: [],
    ...more,
  }
}

const evaluation = { model, data, batchSize: 5, everySteps: 60 }

/** Runs a program to its end; the shard that ends at step N gives the state `N`, and what `losses` says of it. */
function play(chosen: TrainingOptions, losses: Readonly<Record<number, number>> = {}) {
  const program = training(chosen)
  const shards: TrainShard[] = []
  const forgotten: string[] = []
  let step: ProgramStep<ReturnType<typeof program.start>['state']> = program.start()
  const parts = []
  while (!step.done) {
    const [spec] = step.shards as TrainShard[]
    assert.is(step.shards.length, 1)
    shards.push(spec!)
    const end = spec!.fromStep + spec!.steps
    const loss = losses[end]
    const trained = { state: ref(`${end}`), ...(loss !== undefined && { validation: { loss } }) }
    step = program.step(step.state, { type: 'accepted', shard: shardId(spec!), outputs, trained, receipt })
    parts.push(...step.parts)
    forgotten.push(...(step.forget ?? []).map(({ blob }) => blob))
  }
  return { shards, parts, forgotten, done: step.done }
}

test('it is a chain: each shard begins with the state that the one before it came to', () => {
  const { shards, parts, forgotten, done } = play(options())
  assert.equal(
    shards.map(({ fromStep, steps, state }) => [fromStep, steps, state]),
    [
      [0, 100, ref('start')],
      [100, 100, ref('100')],
      [200, 50, ref('200')],
    ],
  )
  assert.equal(
    parts.map(({ index, firstRow, rows, checkpoint }) => [index, firstRow, rows, checkpoint]),
    [
      [0, 0, 100, { step: 100, state: ref('100') }],
      [1, 100, 100, { step: 200, state: ref('200') }],
      [2, 200, 50, { step: 250, state: ref('250') }],
    ],
  )
  assert.equal(forgotten, [ref('100').blob, ref('200').blob])
  assert.equal(done, { ok: true })
})

test('shards end where there is something to evaluate, and the last step is evaluated too', () => {
  const { shards } = play(options({ evaluation }))
  assert.equal(
    shards.map(({ fromStep, steps, evaluation: has }) => [fromStep, steps, has !== undefined]),
    [
      [0, 60, true],
      [60, 60, true],
      [120, 60, true],
      [180, 60, true],
      [240, 10, true],
    ],
  )
  const far = play(options({ evaluation: { ...evaluation, everySteps: 150 } }))
  assert.equal(
    far.shards.map(({ steps, evaluation: has }) => [steps, has !== undefined]),
    [
      [100, false],
      [50, true],
      [100, true],
    ],
  )
})

test('the best state is kept until there is a better one, and it ends when none comes', () => {
  const select = { metric: 'loss', goal: 'min', minDelta: 0.1, patience: 2 } as const
  const { shards, forgotten, done } = play(options({ evaluation, steps: 1_000 }, { select }), {
    60: 5,
    120: 3,
    180: 2.95,
    240: 4,
  })
  assert.is(shards.length, 4)
  assert.equal(forgotten, [ref('60').blob, ref('180').blob])
  assert.equal(done, { ok: true })
})

test('a measurement that is missing is no better; the most is best where that is the goal', () => {
  const at = (step: number, loss?: number): Checkpoint => ({
    step,
    state: ref(`${step}`),
    validation: loss === undefined ? {} : { loss },
  })
  const select = { metric: 'loss', goal: 'max', minDelta: 0 } as const
  const { best, last, sinceBest } = progressOf([at(1), at(2, 1), at(3, 3), at(4, 2), at(5)], select)
  assert.equal([best?.step, last?.step, sinceBest], [3, 5, 2])
})

test('an earlier run is gone on with where it ended, its evaluations counted', () => {
  const select = { metric: 'loss', goal: 'min', minDelta: 0, patience: 3 } as const
  const losses = { 60: 1, 120: 2, 180: 3, 240: 4 }
  const whole = play(options({ evaluation, steps: 1_000 }, { select }), losses)
  const before = whole.parts.slice(0, 2).map(({ checkpoint }) => checkpoint!)
  const rest = play(options({ evaluation, steps: 1_000 }, { select, before }), losses)
  assert.equal(rest.shards, whole.shards.slice(2))
  assert.equal(rest.parts, whole.parts.slice(2))
  const all = whole.parts.map(({ checkpoint }) => checkpoint!)
  assert.equal(play(options({ evaluation, steps: 1_000 }, { select, before: all })).shards, [])
})

test('a result that was taken back is asked for again; what is not under way is passed over', () => {
  const program = training(options())
  const { state, shards } = program.start()
  const id = shardId(shards[0]!)
  assert.equal(program.step(state, { type: 'retracted', shard: id }).shards, shards)
  assert.equal(program.step(state, { type: 'retracted', shard: ref('other').blob }).shards, [])
  const trained = { state: ref('100') }
  assert.equal(program.step(state, { type: 'accepted', shard: ref('other').blob, outputs, trained, receipt }).parts, [])
  const failures = [{ peer: 'p', code: 'train.diverged', message: '', retryable: false }]
  assert.equal(program.step(state, { type: 'poison', shard: id, failures }).done, { ok: false, shard: id, failures })
})

test.run()
