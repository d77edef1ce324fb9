import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../../runtime/base/clock.ts'
import type { ChildReplica } from '../../../../runtime/compute/engine/child/child-replica.ts'
import type { ChildTraining, StepGroup } from '../../../../runtime/compute/engine/child/child-training.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import {
  aggregate,
  compressorOf,
  decodeUpdate,
  encodeUpdate,
  outerStep,
  sliceEnds,
} from '../../../../runtime/compute/update/index.ts'
import type { NamedTensors, Tensor } from '../../../../runtime/data/tensor/tensor.ts'
import type { Compression } from '../../../../runtime/protocol/index.ts'
import { refuses } from '../../../data/refusal.ts'
import { linearRows, linearState, linearStep } from '../../../support/training-step.ts'

const test = suite('a replica in an engine child')

/** Two slices: 4,096 elements and the rest. */
const FEATURES = 5_000
const ENDS = sliceEnds(FEATURES, 0, 2)
const OUTER = { rate: 0.7, momentum: 0.6 }
const F32: Compression = { kind: 'f32' }
const Q2: Compression = { kind: 'q2' }
const ROWS = linearRows(8, FEATURES)

const children: EngineChild[] = []

function start(engine: 'onnxruntime-node' | 'onnxruntime-web' = 'onnxruntime-node'): EngineChild {
  const child = new EngineChild({ clock: systemClock, settings: { engine } })
  children.push(child)
  return child
}
test.after(async () => {
  for (const child of children) await child.kill()
})

interface Member {
  readonly child: EngineChild
  readonly training: ChildTraining
  readonly replica: ChildReplica
}

function contentOf(bytes: Uint8Array) {
  return {
    sizeBytes: bytes.byteLength,
    async *content() {
      yield bytes
    },
  }
}

async function member(
  child: EngineChild,
  state: Record<string, Tensor> = linearState(FEATURES),
  momentum?: Uint8Array,
): Promise<Member> {
  const session = await child.load({ graph: linearStep({ features: FEATURES }) })
  const training = await session.train({
    state: Object.entries(state).map(([name, { dtype, shape, data }]) => ({
      ...{ name, dtype, shape, next: `${name}.next` },
      ...contentOf(data),
    })),
    frozen: [],
    metrics: ['loss', 'norm'],
  })
  const init = { shared: [0], length: FEATURES, plain: 0 }
  const replica = await training.replica({ ...init, ...(momentum && { momentum: contentOf(momentum) }) })
  return { child, training, replica }
}

async function* steps(count: number, first: number): AsyncGenerator<StepGroup> {
  for (let i = 0; i < count; i++) {
    const from = ((first + i) % 2) * 4
    const tensors: NamedTensors = Object.fromEntries(
      Object.entries(ROWS).map(([name, { dtype, shape, data }]) => {
        const rowBytes = data.byteLength / 8
        return [
          name,
          { dtype, shape: [4, ...shape.slice(1)], data: data.slice(from * rowBytes, (from + 4) * rowBytes) },
        ]
      }),
    )
    yield { steps: [{ tensors, scalars: { lr: 1e-4 } }], commit: false }
  }
}

async function learn({ training }: Member, first: number): Promise<void> {
  await training.run(steps(3, first), { onStepped: () => {} })
}

async function stateOf({ training }: Member): Promise<[Float32Array, Float32Array]> {
  const bytes = Buffer.concat((await Array.fromAsync(training.state())).map((piece) => piece.bytes))
  const floats = new Float32Array(new Uint8Array(bytes).buffer)
  return [floats.slice(0, FEATURES), floats.slice(FEATURES)]
}

async function partOf({ replica }: Member, what: 'momentum' | 'residual'): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(replica.read(what))))
}

const hashOf = (...values: Float32Array[]) => {
  const hash = createHash('sha256')
  for (const each of values) hash.update(new Uint8Array(each.buffer, each.byteOffset, each.byteLength))
  return hash.digest('hex')
}

/** One round of two members in plain arithmetic, f32 rounded after each operation. */
class PlainRounds {
  readonly theta = new Float32Array(FEATURES)
  readonly momentum = new Float32Array(FEATURES)
  readonly residuals = [new Float32Array(FEATURES), new Float32Array(FEATURES)]

  readonly compression: Compression

  constructor(compression: Compression) {
    this.compression = compression
  }

  contribution(of: number, local: Float32Array): Uint8Array[] {
    const change = this.theta.map((value, i) => value - local[i]!)
    return ENDS.map((to, i) => {
      const from = ENDS[i - 1] ?? 0
      const compressor = compressorOf(this.compression)
      return encodeUpdate(compressor, change.subarray(from, to), 0, this.residuals[of]!.subarray(from, to))
    })
  }

  merge(slices: readonly Uint8Array[]): void {
    const update = new Float32Array(FEATURES)
    for (const [i, to] of ENDS.entries())
      decodeUpdate(compressorOf(this.compression), slices[i]!, 0, update.subarray(ENDS[i - 1] ?? 0, to))
    outerStep(this.theta, this.momentum, update, OUTER)
  }
}

for (const engine of ['onnxruntime-node', 'onnxruntime-web'] as const)
  for (const compression of [F32, Q2])
    test(`rounds of two members are what plain arithmetic makes of their steps (${engine}, ${compression.kind})`, async () => {
      const members = [await member(start(engine)), await member(start(engine))]
      const plain = new PlainRounds(compression)
      const how = { ends: ENDS, compressed: compression, outer: OUTER }
      let rounds: Uint8Array[][] = []
      const lefts: (Uint8Array | undefined)[] = [undefined, undefined]
      for (let round = 0; round < 3; round++) {
        for (const each of members) {
          assert.is(await each.replica.merge({ rounds, ...how }), hashOf(plain.theta, plain.momentum))
          assert.equal((await stateOf(each))[0], plain.theta, 'steps begin from the shared state')
        }
        const given = await Promise.all(
          members.map(async (each, of) => {
            await learn(each, round + of)
            const [local] = await stateOf(each)
            const contribution = await each.replica.contribute({ ends: ENDS, compression })
            assert.equal(contribution.map(Buffer.from), plain.contribution(of, local).map(Buffer.from))
            const left = new Uint8Array(plain.residuals[of]!.buffer)
            assert.equal(Buffer.from(await partOf(each, 'residual')), Buffer.from(left))
            return contribution
          }),
        )
        assert.not.equal(given[0], given[1])
        const aggregates: Uint8Array[] = []
        for (const [i, to] of ENDS.entries()) {
          const left = lefts[i]
          const slice = {
            contributions: given.map((slices, of) => ({ member: of, weight: of + 1, bytes: slices[i]! })),
            ...{ length: to - (ENDS[i - 1] ?? 0), plain: 0 },
            ...{ aggregation: { rule: 'mean' } as const, compressed: compression, compression },
          }
          const { update, residual } = await children[0]!.reduce({ ...slice, ...(left && { residual: left }) })
          const expected = aggregate({ ...slice, residual: left && new Float32Array(left.slice().buffer) })
          assert.equal(Buffer.from(update), Buffer.from(expected.update), 'reduced as in this process')
          assert.is(residual === undefined, compression === F32)
          lefts[i] = residual
          aggregates.push(update)
        }
        plain.merge(aggregates)
        rounds = [aggregates]
      }
      assert.is(await members[0]!.replica.merge({ rounds, ...how }), hashOf(plain.theta, plain.momentum))
      assert.ok(
        plain.momentum.some((value) => value !== 0),
        'nothing was learnt',
      )
    })

test('a replica that begins from a snapshot, later rounds and its inner state goes on as one that was held', async () => {
  const [held, other] = [await member(start()), await member(start())]
  const how = { ends: ENDS, compressed: Q2, outer: OUTER }
  const round = async (merged: Uint8Array[][]): Promise<Uint8Array[]> => {
    const given: (readonly Uint8Array[])[] = []
    for (const [of, each] of [held, other].entries()) {
      await each.replica.merge({ rounds: merged, ...how })
      await learn(each, of)
      given.push(await each.replica.contribute({ ends: ENDS, compression: Q2 }))
    }
    return ENDS.map((to, i) => {
      const contributions = given.map((slices, of) => ({ member: of, weight: 1, bytes: slices[i]! }))
      const form = { length: to - (ENDS[i - 1] ?? 0), plain: 0, compressed: Q2, compression: Q2 }
      return aggregate({ contributions, aggregation: { rule: 'mean' }, ...form }).update
    })
  }
  const first = await round([])
  await held.replica.merge({ rounds: [first], ...how })
  const [w] = await stateOf(held)
  const momentum = await partOf(held, 'momentum') // a snapshot is taken here
  const second = await round([])
  await held.replica.merge({ rounds: [second], ...how })
  await other.replica.merge({ rounds: [second], ...how })
  const third = await round([])
  const [, v] = await stateOf(held)
  const residual = await partOf(held, 'residual')

  const tensor = (values: Float32Array): Tensor => ({
    dtype: 'float32',
    shape: [FEATURES, 1],
    data: new Uint8Array(values.slice().buffer),
  })
  const newcomer = await member(start(), { w: tensor(w), v: linearState(FEATURES).v }, momentum)
  await newcomer.replica.restore([{ tensor: 1, ...contentOf(new Uint8Array(v.slice().buffer)) }], contentOf(residual))
  const rounds = [second, third]
  const shared = await newcomer.replica.merge({ rounds, ...how })
  assert.is(shared, await held.replica.merge({ rounds: [third], ...how }))
  for (const each of [held, newcomer]) await learn(each, 5)
  const [mine, theirs] = [
    await newcomer.replica.contribute({ ends: ENDS, compression: Q2 }),
    await held.replica.contribute({ ends: ENDS, compression: Q2 }),
  ]
  assert.equal(mine.map(Buffer.from), theirs.map(Buffer.from))
  assert.equal(await stateOf(newcomer), await stateOf(held))
  await newcomer.replica.restore([], undefined)
  assert.ok(
    (await partOf(newcomer, 'residual')).every((byte) => byte === 0),
    'without one nothing is left over',
  )
})

test('what is no update of this state is refused by name', async () => {
  const [{ replica, training }] = [await member(start())]
  const child = children.at(-1)!
  const how = { ends: ENDS, compressed: F32, outer: OUTER }
  const zeros = ENDS.map((to, i) => new Uint8Array(4 * (to - (ENDS[i - 1] ?? 0))))
  const nan = zeros.map((bytes) => bytes.slice())
  new Float32Array(nan[1]!.buffer)[3] = Number.NaN
  await refuses('update.malformed', replica.merge({ rounds: [[zeros[0]!, zeros[1]!.subarray(4)]], ...how }))
  await refuses('update.not-finite', replica.merge({ rounds: [nan], ...how }))
  await refuses('compression.unknown', replica.merge({ rounds: [zeros], ...how, compressed: { kind: 'zip' } }))
  await refuses('compression.unknown', replica.contribute({ ends: ENDS, compression: { kind: 'zip' } }))
  for (const ends of [[], [FEATURES - 1], [FEATURES, FEATURES], [4_096, 9_000]])
    await refuses('update.slices', replica.contribute({ ends, compression: F32 }))
  await refuses(
    'train.state',
    training.replica({ shared: [0], length: FEATURES, plain: 0, momentum: contentOf(new Uint8Array(8)) }),
  )
  await refuses('engine.protocol', training.replica({ shared: [7], length: FEATURES, plain: 0 }))
  const slice = { length: 4_096, plain: 0, aggregation: { rule: 'mean' }, compressed: F32, compression: F32 } as const
  const one = { member: 3, weight: 1, bytes: zeros[0]! }
  for (const bytes of [zeros[0]!.subarray(4), new Uint8Array(new Float32Array(4_096).fill(Number.NaN).buffer)]) {
    const failure = await refuses(
      'update.contribution',
      child.reduce({ ...slice, contributions: [one, { ...one, member: 8, bytes }] }),
    )
    assert.match(failure.message, /\b8\b/)
  }
  await refuses('update.malformed', child.reduce({ ...slice, contributions: [one], residual: new Uint8Array(8) }))
  assert.ok(child.alive, 'none of it costs the child')
})

test.run()
