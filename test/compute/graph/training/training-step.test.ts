import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../../../runtime/compute/engine/onnxruntime.ts'
import {
  adam,
  binaryCrossEntropy,
  crossEntropy,
  dense,
  flatten,
  frozen,
  meanSquaredError,
  pixels,
  readModel,
  relu,
  type StateTensor,
  type StepSignature,
  sequential,
  sgd,
  signature,
  stepSignatureOf,
  type TrainingInit,
  trainingStep,
  withStepSignature,
  writeModel,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { runModel, someNumbers } from '../../../support/gradient-check.ts'
import { numbersOf, someLabels, someTensor, train } from '../../../support/trained-model.ts'

const BATCH = 12

/** Small pictures of three classes. */
const small = (more: Partial<TrainingInit> = {}): TrainingInit => ({
  model: sequential([pixels(), flatten(), dense(7), relu(), dense(3)]),
  loss: crossEntropy(),
  optimizer: sgd(),
  inputs: { images: { dtype: 'uint8', shape: [4, 4] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: BATCH,
  seed: 3,
  ...more,
})

function pictures(seed: number, count = BATCH): NamedTensors {
  const bytes = Uint8Array.from(someNumbers(16 * count, seed), (x) => 128 + 127 * x)
  return { images: tensorOf(bytes, [count, 4, 4]), labels: someLabels([count], 3, seed) }
}

const lastOf = (list: readonly number[]) => list.at(-1)!

test('a step says what it takes and gives, and begins where the seed says', () => {
  const built = trainingStep(small())
  assert.equal(stepSignatureOf(built.step), built.signature)
  assert.equal(
    built.parameters.map(({ name, shape, kind }) => `${name} [${shape}] ${kind}`),
    ['dense_1/weight [16,7] weight', 'dense_1/bias [7] bias', 'dense_2/weight [7,3] weight', 'dense_2/bias [3] bias'],
  )
  assert.equal(built.signature.metrics, ['loss', 'accuracy'])
  assert.equal(trainingStep(small({ metrics: [] })).signature.metrics, ['loss'])
  assert.equal(trainingStep(small()).step, built.step)
  assert.equal(trainingStep(small()).initialState(), built.initialState())
  const weight = (seed: number) => numbersOf(trainingStep(small({ seed })).initialState()['dense_1/weight'])
  assert.not.equal(weight(4), weight(3))
  const spread = Math.max(...weight(3).map(Math.abs))
  assert.ok(spread < Math.sqrt(6 / 23) && spread > 0.9 * Math.sqrt(6 / 23), 'Glorot and Bengio')
})

test('two runs of one seed are the same to the bit, and the loss falls', async () => {
  const built = trainingStep(small({ optimizer: adam() }))
  const batches = Array.from({ length: 60 }, () => pictures(1))
  const [one, other] = [
    await train(built, batches, { learningRate: 0.02 }),
    await train(built, batches, { learningRate: 0.02 }),
  ]
  assert.equal(one.state, other.state)
  assert.ok(lastOf(one.losses) < 0.2 * one.losses[0]!, `from ${one.losses[0]} to ${lastOf(one.losses)}`)
  assert.is(one.metrics.at(-1)!.accuracy, 1)
})

test('a trained model leaves with its weights, and is measured, at any batch size', async () => {
  const built = trainingStep(small())
  const { state } = await train(built, [pictures(1), pictures(2)])
  const model = readModel(built.inference(state))
  assert.equal(signature(model), {
    inputs: [{ name: 'images', dtype: 'uint8', shape: ['batch', 4, 4] }],
    outputs: [{ name: 'output', dtype: 'float32', shape: ['batch', 3] }],
  })
  assert.equal(
    model.graph.initializer.map(({ name }) => name).filter((name) => !name.includes('constant')),
    ['dense_1/weight', 'dense_1/bias', 'dense_2/weight', 'dense_2/bias'],
  )
  for (const count of [1, 5]) {
    const batch = pictures(9, count)
    const { output } = await runModel(model, { images: batch.images! })
    const logits = numbersOf(output)
    const labels = new BigInt64Array(batch.labels!.data.buffer)
    let [loss, right] = [0, 0]
    for (let row = 0; row < count; row++) {
      const own = Array.from(logits.subarray(3 * row, 3 * row + 3))
      const label = Number(labels[row])
      loss += Math.log(own.reduce((sum, x) => sum + Math.exp(x), 0)) - own[label]!
      right += own.indexOf(Math.max(...own)) === label ? 1 : 0
    }
    const told = await runModel(readModel(built.evaluation()), { ...batch, ...state })
    assert.ok(Math.abs(numbersOf(told.loss)[0]! - loss / count) < 1e-5)
    assert.ok(Math.abs(numbersOf(told.accuracy)[0]! - right / count) < 1e-6)
  }
})

test('a model too large for one file leaves with its weights beside it', async () => {
  const built = trainingStep(small())
  const state = built.initialState()
  const { graph, pieces } = built.inferenceParts(state, 'weights.bin')
  const engine = await new OnnxRuntimeEngine().load({
    graph,
    weights: { 'weights.bin': new Uint8Array(Buffer.concat(pieces)) },
  })
  const { images } = pictures(4, 2)
  const found = await engine.run({ images: images! })
  await engine.close()
  assert.equal(found, await runModel(readModel(built.inference(state)), { images: images! }))
})

test('a batch in parts is the same batch, each part begun when the gradients before it are there', async () => {
  const { graph } = readModel(trainingStep(small({ accumulate: 3 })).step)
  const makers = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const before = (name: string, found = new Set<string>()): ReadonlySet<string> => {
    if (!found.has(name)) for (const input of makers.get(name)?.input ?? []) before(input, found.add(name))
    return found
  }
  const starts = graph.node.filter(
    ({ opType, input }) => opType === 'Where' && makers.get(input[1]!)?.input[0] === 'images',
  )
  const sums = (name: string) => [...before(name)].filter((each) => makers.get(each)?.opType === 'ReduceSum').length
  assert.equal(
    starts.map(({ input }) => sums(input[0]!) > 0),
    [true, true],
  )

  const run = async (accumulate: number) =>
    train(trainingStep(small({ accumulate, clip: 0.5 })), [pictures(1), pictures(2)])
  const [whole, parts] = [await run(1), await run(3)]
  for (const [name, tensor] of Object.entries(whole.state)) {
    const other = numbersOf(parts.state[name])
    assert.ok(
      numbersOf(tensor).every((value, i) => Math.abs(value - other[i]!) < 1e-6),
      name,
    )
  }
  assert.ok(Math.abs(lastOf(whole.losses) - lastOf(parts.losses)) < 1e-6)
  assert.ok(Math.abs(whole.metrics[1]!.gradientNorm! - parts.metrics[1]!.gradientNorm!) < 1e-6)
})

test('what is frozen is an input that stays as it was', async () => {
  const built = trainingStep(small({ model: sequential([pixels(), flatten(), frozen(dense(7)), relu(), dense(3)]) }))
  assert.equal(
    built.signature.frozen.map(({ name }) => name),
    ['dense_1/weight', 'dense_1/bias'],
  )
  assert.equal(
    built.signature.state.map(({ name }) => name),
    ['dense_2/weight', 'dense_2/bias'],
  )
  const { state, losses } = await train(
    built,
    Array.from({ length: 20 }, () => pictures(1)),
    { learningRate: 1 },
  )
  assert.ok(lastOf(losses) < losses[0]!)
  const { graph } = readModel(built.inference(state))
  const still = graph.initializer.find(({ name }) => name === 'dense_1/weight')!
  assert.equal(new Uint8Array(still.rawData), new Uint8Array(built.frozen()['dense_1/weight']!.data))
})

test('weights may come from elsewhere', () => {
  const bias = someTensor([7])
  assert.is(trainingStep(small({ weights: { 'dense_1/bias': bias } })).initialState()['dense_1/bias'], bias)
  const refused = (weights: NamedTensors, code: string, words: RegExp) =>
    assert.match(refusesSync(code, () => trainingStep(small({ weights }))).message, words)
  refused({ 'dense_1/bais': bias }, 'graph.unknown-parameter', /did you mean dense_1\/bias/)
  refused({ 'dense_1/bias': someTensor([8]) }, 'graph.shape', /dense_1\/bias.*\[7\].*\[8\]/)
})

test('a signature that names a tensor twice is none', () => {
  const { signature, step } = trainingStep(small())
  const lie = (changes: Partial<StepSignature>, code = 'step.not-a-step') =>
    refusesSync(code, () =>
      stepSignatureOf(
        writeModel(withStepSignature({ ...readModel(step), metadataProps: [] }, { ...signature, ...changes })),
      ),
    ).message
  const [first, second, ...rest] = signature.state as [StateTensor, StateTensor, ...StateTensor[]]
  assert.match(lie({ state: [first, { ...second, next: first.next }, ...rest] }), /dense_1\/weight\.next named twice/)
  assert.match(lie({ metrics: ['loss', first.next] }), /dense_1\/weight\.next named twice/)
  assert.match(lie({ scalars: { learningRate: 'labels' } }), /labels named twice/)
  const huge = { name: 'mask', shape: [1e6, 1e6], keep: 0.5 }
  assert.match(lie({ masks: [huge] }, 'step.too-large'), /take 1000000000\d+ bytes/)
})

test('labels one a row are those of an output of one number', async () => {
  const x = someTensor([BATCH, 4], 5)
  const values = Float32Array.from(someNumbers(BATCH, 6), Math.abs)
  const losses = [meanSquaredError, binaryCrossEntropy].flatMap((loss) =>
    [[], [1], [2]].map((shape) => ({ loss, shape })),
  )
  const found: number[][] = []
  for (const { loss, shape } of losses) {
    const inputs = { x: { dtype: 'float32', shape: [4] }, labels: { dtype: 'float32', shape } } as const
    const init = { model: sequential([dense(1)]), loss: loss(), optimizer: sgd(), inputs, batchSize: BATCH, seed: 3 }
    if (shape[0] === 2) {
      const { message } = refusesSync('graph.shape', () => trainingStep(init))
      assert.match(message, /labels of the same shape, found the output float32 \[12, 1\]/)
      continue
    }
    const labels = tensorOf(values, [BATCH, ...shape])
    const batch = { x, labels }
    found.push([...(await train(trainingStep(init), [batch, batch, batch])).losses])
  }
  const [flat, column, flatBinary, columnBinary] = found
  assert.ok(flat!.length === 3 && flat!.every(Number.isFinite))
  assert.equal([flat, flatBinary], [column, columnBinary])
})

test('mistakes are told where they were made', () => {
  const says = (more: Partial<TrainingInit>, code: string, words: RegExp) =>
    assert.match(refusesSync(code, () => trainingStep(small(more))).message, words)
  says({ accumulate: 5 }, 'graph.batch', /5 equal parts.*12/)
  says({ model: dense(3) }, 'graph.dtype', /float32.*uint8|uint8.*float32/)
  says({ model: sequential([pixels(), dense(3)]) }, 'graph.shape', /labels.*\[12, 4, 3\].*\[12\]/)
  says({ model: frozen(small().model as ReturnType<typeof sequential>) }, 'graph.nothing-to-train', /not frozen/)
  says({ model: sequential([pixels(), flatten(), dense(2.5)]) }, 'graph.shape', /dense_1\/weight.*whole.*\[16, 2.5\]/)
  const wrong = dense(3, { initial: someTensor([3, 16]) })
  says({ model: sequential([pixels(), flatten(), wrong]) }, 'graph.shape', /dense_1\/weight.*\[16, 3\].*\[3, 16\]/)
  says({ metrics: ['recall'] }, 'graph.metric', /accuracy.*recall/)
  says({ loss: crossEntropy({ labels: 'classes' }) }, 'graph.input', /classes.*images, labels/)
  const twice = sequential([pixels(), flatten(), dense(16, { name: 'same' }), dense(16, { name: 'same' })])
  says({ model: twice }, 'graph.name-taken', /same twice/)
  const shared = dense(16)
  assert.is(
    trainingStep(small({ model: sequential([pixels(), flatten(), shared, shared, dense(3)]) })).parameters.length,
    4,
  )
  const open = trainingStep(
    small({
      model: (s, { images }) => s.call(dense(3), s.g.reshape(s.g.cast(images!, 'float32'), [images!.shape[0]!, 16])),
    }),
  )
  assert.match(refusesSync('graph.batch', () => open.evaluation()).message, /leave the batch open/)
})

test.run()
