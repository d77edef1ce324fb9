import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../../runtime/base/clock.ts'
import { isAividaError } from '../../../../runtime/base/errors.ts'
import type {
  ChildTraining,
  StepGroup,
  Stepped,
  SteppedModel,
} from '../../../../runtime/compute/engine/child/child-training.ts'
import { gpuEnvironment } from '../../../../runtime/compute/engine/child/command.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import { commitmentOf } from '../../../../runtime/compute/engine/child/trainings.ts'
import type { NamedTensors, Tensor } from '../../../../runtime/data/tensor/tensor.ts'
import type { ExecutionProvider } from '../../../../runtime/protocol/requirements.ts'
import { skip } from '../../../support/skip.ts'
import {
  linearEvaluation,
  linearRows,
  linearState,
  linearStep,
  plainLinearStep,
} from '../../../support/training-step.ts'
import { vulkanEnvironment } from '../../../support/vulkan.ts'

const BATCH = 4
const ROWS = linearRows(40)

function source(name: string, tensor: Tensor) {
  const { dtype, shape, data } = tensor
  return {
    name,
    dtype,
    shape,
    sizeBytes: data.byteLength,
    async *content() {
      yield data.subarray(0, 5) // in pieces that end where no element does
      yield data.subarray(5)
    },
  }
}

function initOf(state = linearState()): SteppedModel {
  return {
    state: Object.entries(state).map(([name, tensor]) => ({ ...source(name, tensor), next: `${name}.next` })),
    frozen: [],
    metrics: ['loss', 'norm'],
  }
}

function rowsOf(step: number, batch = BATCH): NamedTensors {
  const entries = Object.entries(ROWS).map(([name, { dtype, shape, data }]) => {
    const rowBytes = data.byteLength / shape[0]!
    const from = ((step * batch) % shape[0]!) * rowBytes
    return [name, { dtype, shape: [batch, ...shape.slice(1)], data: data.slice(from, from + batch * rowBytes) }]
  })
  return Object.fromEntries(entries)
}

async function* groupsOf(steps: number, perGroup: number, commitEvery = 0, from = 0): AsyncGenerator<StepGroup> {
  for (let at = from; at < from + steps; at += perGroup) {
    const count = Math.min(perGroup, from + steps - at)
    const commit = commitEvery > 0 && (at + count) % commitEvery === 0
    const feeds = Array.from({ length: count }, (_, i) => ({ tensors: rowsOf(at + i), scalars: { lr: 0.1 } }))
    yield { steps: feeds, commit }
  }
}

async function run(training: ChildTraining, groups: AsyncIterable<StepGroup>) {
  const stepped: Stepped[] = []
  await training.run(groups, { onStepped: (each) => stepped.push(each) })
  const metrics = stepped.flatMap((each) => each.metrics.map(([loss, norm]) => [loss!, norm!] as const))
  return {
    losses: metrics.map(([loss]) => loss),
    metrics,
    commitments: stepped.flatMap((each) => each.commitment ?? []),
  }
}

async function stateOf(training: ChildTraining): Promise<Buffer> {
  return Buffer.concat((await Array.fromAsync(training.state())).map(({ bytes }) => bytes))
}

/** On a card the state stays there from step to step, which must not be seen. */
const PROVIDERS = ['cpu', 'webgpu', 'cuda'] as const
const absences = await Promise.all(PROVIDERS.map(absence))
for (const [i, provider] of PROVIDERS.entries()) {
  const test = suite(`training in an engine child, ${provider}`)
  if (absences[i] !== undefined) {
    test('steps', () => skip(`${provider}: ${absences[i]}`))
    test.run()
    continue
  }
  const child = start()
  test.after(() => child.kill())

  test('steps give what the same arithmetic gives, in whatever groups they come', async () => {
    const session = await child.load({ graph: linearStep() }, { provider })
    const plain = { w: [0, 0, 0], v: [0, 0, 0] }
    const floats = ({ data }: Tensor) => [...new Float32Array(data.slice().buffer)]
    const expected = Array.from({ length: 20 }, (_, step) => {
      const { x, y } = rowsOf(step)
      const flat = floats(x!)
      const rows = Array.from({ length: BATCH }, (_, row) => flat.slice(row * 3, row * 3 + 3))
      return plainLinearStep(plain, rows, floats(y!), 0.1)
    })
    const states: Buffer[] = []
    for (const perGroup of [1, 7, 20]) {
      const training = await session.train(initOf())
      const { losses } = await run(training, groupsOf(20, perGroup))
      for (const [i, loss] of losses.entries()) assert.ok(Math.abs(loss - expected[i]!) < 1e-5, `step ${i}`)
      states.push(await stateOf(training))
    }
    assert.equal(states[1], states[0])
    assert.equal(states[2], states[0])
    const w = [...new Float32Array(states[0]!.buffer.slice(states[0]!.byteOffset, states[0]!.byteOffset + 12))]
    for (const [i, value] of w.entries()) assert.ok(Math.abs(value - plain.w[i]!) < 1e-5)
    assert.ok(expected[19]! < expected[0]! / 10, 'the step learns nothing')
  })

  test('a training that goes on from a state equals one that was never stopped, and commitments say so', async () => {
    const session = await child.load({ graph: linearStep() }, { provider })
    const whole = await session.train(initOf())
    const unbroken = await run(whole, groupsOf(12, 4, 4))
    const last = await stateOf(whole)
    const first = await session.train(initOf())
    await run(first, groupsOf(8, 4, 4))
    const half = await stateOf(first)
    const tensor = (at: number): Tensor => ({
      dtype: 'float32',
      shape: [3, 1],
      data: new Uint8Array(half.subarray(at, at + 12)),
    })
    const second = await session.train(initOf({ w: tensor(0), v: tensor(12) }))
    const { commitments } = await run(second, groupsOf(4, 4, 4, 8))
    assert.equal(await stateOf(second), last)
    assert.equal(unbroken.commitments.length, 3)
    assert.is(commitments[0], unbroken.commitments[2])
    assert.is(commitments[0], commitmentOf([{ dtype: 'uint8', shape: [24], data: last }]))
  })

  test('another session is evaluated on the state that is trained, which stays as it is', async () => {
    const session = await child.load({ graph: linearStep() }, { provider })
    const evaluation = await child.load({ graph: linearEvaluation() }, { provider })
    const training = await session.train(initOf())
    const { losses } = await run(training, groupsOf(5, 5))
    const before = await stateOf(training)
    const found: Stepped[] = []
    const groups = async function* (): AsyncGenerator<StepGroup> {
      yield {
        steps: [
          { tensors: rowsOf(0, 10), scalars: {} },
          { tensors: rowsOf(1, 6), scalars: {} },
        ],
        commit: false,
      }
    }
    await training.evaluate(evaluation, ['loss'], groups(), { onStepped: (each) => found.push(each) })
    assert.is(found[0]!.metrics.length, 2)
    assert.ok(found[0]!.metrics[0]![0]! > 0 && found[0]!.metrics[0]![0]! < losses[0]!)
    assert.equal(await stateOf(training), before)
  })

  test('after a step that fails none is run, and the child lives on', async () => {
    const session = await child.load({ graph: linearStep() }, { provider })
    const training = await session.train(initOf())
    const groups = async function* (): AsyncGenerator<StepGroup> {
      yield* groupsOf(2, 1)
      yield { steps: [{ tensors: rowsOf(0, 3), scalars: { lr: 0.1 } }], commit: false } // three rows where four belong
      yield* groupsOf(2, 1)
    }
    let heard = 0
    const failure = await training.run(groups(), { onStepped: () => heard++ }).then(
      () => undefined,
      (error) => error,
    )
    assert.ok(isAividaError(failure, 'engine.run-failed'), String(failure))
    assert.is(heard, 2)
    assert.ok(child.alive)
    const again = await session.train(initOf())
    assert.is((await run(again, groupsOf(3, 1))).losses.length, 3)
  })

  test('a first step with the wrong inputs names them', async () => {
    const session = await child.load({ graph: linearStep({ keep: 0.5 }) }, { provider })
    const training = await session.train(initOf())
    const failure = await run(training, groupsOf(1, 1)).then(
      () => undefined,
      (error) => error,
    )
    assert.ok(isAividaError(failure, 'engine.input-missing'))
    assert.match(failure.message, /"mask"/)
  })

  test('a graph without an output that is asked for is refused', async () => {
    const session = await child.load({ graph: linearStep() }, { provider })
    const failure = await session.train({ ...initOf(), metrics: ['loss', 'accuracy'] }).then(
      () => undefined,
      (error) => error,
    )
    assert.ok(isAividaError(failure, 'step.no-output'))
    assert.match(failure.message, /accuracy/)
  })

  test.run()
}

function start(): EngineChild {
  const environment = { ...gpuEnvironment(process.env), ...vulkanEnvironment() }
  return new EngineChild({ clock: systemClock, settings: { environment } })
}

/** Why this provider is of no use here; `undefined` when it is. */
async function absence(provider: ExecutionProvider): Promise<string | undefined> {
  const child = start()
  try {
    await child.load({ graph: linearStep() }, { provider })
    return undefined
  } catch (error) {
    if (isAividaError(error, 'engine.no-provider')) return 'no such device here'
    throw error
  } finally {
    await child.kill()
  }
}
