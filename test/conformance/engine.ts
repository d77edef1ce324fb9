import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../runtime/base/errors.ts'
import type { Engine, LoadOptions, ModelSource } from '../../runtime/compute/engine/engine.ts'
import { encodeStrings } from '../../runtime/data/tensor/strings.ts'
import type { DType, NamedTensors, Tensor } from '../../runtime/data/tensor/tensor.ts'
import type { ExecutionProvider } from '../../runtime/protocol/requirements.ts'
import {
  addModel,
  expandModel,
  field,
  floats,
  identityModel,
  matMulChain,
  model,
  tensor,
  value,
} from '../support/onnx-models.ts'

/** Elements of each dtype at the borders of its range, as they lie in memory. */
const EXAMPLES: readonly (readonly [DType, Uint8Array])[] = [
  ['float32', bytes(Float32Array.of(1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45))],
  ['float64', bytes(Float64Array.of(Math.PI, -0, Number.NaN, Number.MAX_VALUE, 5e-324))],
  ['float16', bytes(Uint16Array.of(0x3c00, 0x8000, 0x7e00, 0x7bff, 0x0001))],
  ['int8', bytes(Int8Array.of(-128, -1, 0, 1, 127))],
  ['uint8', Uint8Array.of(0, 1, 2, 254, 255)],
  ['int16', bytes(Int16Array.of(-32768, -1, 0, 1, 32767))],
  ['uint16', bytes(Uint16Array.of(0, 1, 2, 65534, 65535))],
  ['int32', bytes(Int32Array.of(-(2 ** 31), -1, 0, 1, 2 ** 31 - 1))],
  ['uint32', bytes(Uint32Array.of(0, 1, 2, 2 ** 32 - 2, 2 ** 32 - 1))],
  ['int64', bytes(BigInt64Array.of(-(2n ** 63n), -1n, 0n, 2n ** 53n + 1n, 2n ** 63n - 1n))],
  ['uint64', bytes(BigUint64Array.of(0n, 1n, 2n, 2n ** 53n + 1n, 2n ** 64n - 1n))],
  ['bool', Uint8Array.of(0, 1, 1, 0, 1)],
  ['string', encodeStrings(['', 'a', 'zwölf', '\u{1f600}', 'line\nbreak'])],
]

/** What engines may differ in. */
export interface EngineTraits {
  /** What the suite computes on. Default: the engine's own default. */
  readonly provider?: ExecutionProvider
  /** The dtypes it carries; a model of any other is refused with `otherDtype`. Default: all. */
  readonly dtypes?: readonly DType[]
  readonly otherDtype?: string
  /** With what it refuses 64-bit integers beyond 32 bits. Default: it carries them. */
  readonly wideInteger?: string
  /** With what it refuses an operator that nobody knows. Default: `model.invalid`. */
  readonly unknownOperator?: string
  /** How many runs one call is tried with. Default: so many that their tensors do not fit one message to a child. */
  readonly runsPerCall?: number
}

/** What every engine has to do. `start` is called once; `stop` must leave nothing behind. */
export function engineConformance(
  test: Test,
  start: () => { engine: Engine; stop: () => Promise<void> },
  traits: EngineTraits = {},
): void {
  const carries = (dtype: DType) => !traits.dtypes || traits.dtypes.includes(dtype)
  const load = (source: ModelSource, options: LoadOptions = {}) =>
    engine.load(source, { ...(traits.provider && { provider: traits.provider }), ...options })
  const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
  let engine: Engine
  let stop: () => Promise<void>
  test.before(() => {
    ;({ engine, stop } = start())
  })
  test.after(async () => {
    await stop()
    rmSync(folder, { recursive: true })
  })

  const code = async (promise: Promise<unknown>, expected: string, message?: RegExp) => {
    const error = await promise.then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.ok(isAividaError(error), `expected ${expected}, found ${error}`)
    assert.is(error.code, expected, error.message)
    if (message) assert.match(error.message, message)
  }
  const f32 = (shape: readonly number[], ...values: number[]): Tensor => ({
    dtype: 'float32',
    shape,
    data: floats(...values),
  })
  const ab: NamedTensors = { a: f32([1, 3], 1, 2, 3), b: f32([1, 3], 10, 20, 30) }

  test('names its build', async () => {
    const { name, version, providers } = await engine.info()
    assert.ok(providers.includes(traits.provider ?? providers[0]!))
    assert.match(name, /^[a-z]+$/)
    assert.match(version, /^\d+\.\d+\.\d+/)
  })

  test('tells what a model takes and gives, and what its scan found', async () => {
    const session = await load({ graph: addModel() })
    assert.equal(session.inputs, [
      { name: 'a', dtype: 'float32', shape: ['n', 3] },
      { name: 'b', dtype: 'float32', shape: ['n', 3] },
    ])
    assert.equal(session.outputs, [{ name: 'sum', dtype: 'float32', shape: ['n', 3] }])
    assert.is(session.report.nodes, 1)
    await session.close()
  })

  test('computes, for any size of a symbolic dimension', async () => {
    const session = await load({ graph: addModel() })
    assert.equal((await session.run(ab)).sum, f32([1, 3], 11, 22, 33))
    const two = f32([2, 3], 1, 2, 3, 4, 5, 6)
    assert.equal((await session.run({ a: two, b: two })).sum, f32([2, 3], 2, 4, 6, 8, 10, 12))
    await session.close()
  })

  for (let [dtype, data] of EXAMPLES)
    test(`${carries(dtype) ? 'carries' : 'refuses'} ${dtype}${carries(dtype) ? ' there and back, bit for bit' : ''}`, async () => {
      if (!carries(dtype)) return code(load({ graph: identityModel(dtype) }), traits.otherDtype!)
      const session = await load({ graph: identityModel(dtype) })
      if (dtype === 'int64' && traits.wideInteger) {
        await code(session.run({ x: { dtype, shape: [5], data } }), traits.wideInteger)
        data = bytes(BigInt64Array.of(-(2n ** 31n), -1n, 0n, 1n, 2n ** 31n - 1n))
      }
      const { y } = await session.run({ x: { dtype, shape: [5], data } })
      assert.is(y?.dtype, dtype)
      assert.equal(y?.shape, [5])
      assert.equal(Buffer.from(y!.data), Buffer.from(data))
      const empty = await session.run({ x: { dtype, shape: [0], data: new Uint8Array() } })
      assert.equal(empty.y, { dtype, shape: [0], data: new Uint8Array() })
      await session.close()
    })

  test('several runs in one call give what each gives by itself, to the bit, and fail each by itself', async () => {
    const session = await load({ graph: addModel() })
    const rows = (i: number): NamedTensors => ({ a: f32([1, 3], i, i + 0.1, i + 0.2), b: f32([1, 3], 1e7, 1e-7, i) })
    const batch = Array.from({ length: traits.runsPerCall ?? 2_100 }, (_, i) => rows(i))
    const results = await session.runAll([...batch.slice(0, 7), { a: rows(7).a! }, ...batch.slice(8)])
    assert.is(results.length, batch.length)
    for (const [i, result] of results.entries())
      if (i === 7) assert.is('error' in result && result.error.code, 'engine.input-missing')
      else if (i % 300 === 0) assert.equal('outputs' in result && result.outputs, await session.run(batch[i]!))
      else assert.ok('outputs' in result)
    assert.equal(await session.runAll([]), [])
    await session.close()
    await code(session.runAll([rows(0)]), 'engine.closed')
  })

  test('carries a scalar', async () => {
    const session = await load({ graph: identityModel('float32', []) })
    assert.equal((await session.run({ x: f32([], 7) })).y, f32([], 7))
    await session.close()
  })

  test('the same numbers give the same bits wherever they lie in memory', async () => {
    const sum = { nodes: [{ op: 'ReduceSum', inputs: ['x'], outputs: ['y'] }] }
    const graph = model({ ...sum, inputs: [value('x', 'float32', ['n'])], outputs: [value('y', 'float32', [1])] })
    const session = await load({ graph })
    const numbers = floats(...Array.from({ length: 4099 }, (_, i) => Math.sin(i) * Math.exp(Math.cos(i))))
    const results = new Set<string>()
    for (const offset of [0, 1, 4, 8, 12, 16]) {
      const data = new Uint8Array(numbers.byteLength + offset).subarray(offset)
      data.set(numbers)
      const { y } = await session.run({ x: { dtype: 'float32', shape: [4099], data } })
      results.add(Buffer.from(y!.data).toString('hex'))
    }
    assert.is(results.size, 1)
    await session.close()
  })

  test('sessions of two models do not mix', async () => {
    const add = await load({ graph: addModel() })
    const copy = await load({ graph: identityModel('float32') })
    const [sum, same] = await Promise.all([add.run(ab), copy.run({ x: f32([1], 5) })])
    assert.equal(sum.sum, f32([1, 3], 11, 22, 33))
    assert.equal(same.y, f32([1], 5))
    await add.close()
    assert.equal((await copy.run({ x: f32([1], 6) })).y, f32([1], 6))
    await copy.close()
  })

  test('reads graph and weights from bytes, paths and descriptors', async () => {
    const place = { location: 'w.bin', offset: '4', length: '12' }
    const graph = model({
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      inputs: [value('x', 'float32', [3])],
      outputs: [value('y', 'float32', [3])],
      initializers: [tensor('w', 'float32', [3], place)],
    })
    const weights = floats(0, 1, 2, 3)
    const paths = { graph: join(folder, 'graph.onnx'), weights: join(folder, 'any name') }
    writeFileSync(paths.graph, graph)
    writeFileSync(paths.weights, weights)
    const fds = [openSync(paths.graph, 'r'), openSync(paths.weights, 'r')] as const
    const sources = [
      { graph, weights: { 'w.bin': weights } },
      { graph: { path: paths.graph }, weights: { 'w.bin': { path: paths.weights } } },
      { graph: { fd: fds[0] }, weights: { 'w.bin': { fd: fds[1] } } },
    ]
    for (const source of sources) {
      const session = await load(source)
      assert.equal((await session.run({ x: f32([3], 1, 1, 1) })).y, f32([3], 2, 3, 4))
      assert.is(session.report.parameterBytes, 12)
      await session.close()
    }
    for (const fd of fds) closeSync(fd)
  })

  test('refuses models that are missing, not ONNX, not to be trusted or not runnable', async () => {
    await code(load({ graph: { path: join(folder, 'nowhere.onnx') } }), 'model.missing', /nowhere\.onnx/)
    await code(load({ graph: { path: folder } }), 'model.unreadable')
    await code(load({ graph: Buffer.from('PK\x03\x04') }), 'model.not-onnx', /zip/)
    const bad = (op: string) =>
      model({
        nodes: [{ op, inputs: ['x'], outputs: ['y'], name: 'bad' }],
        inputs: [value('x', 'float32', [1])],
        outputs: [value('y', 'float32', [1])],
      })
    await code(load({ graph: bad('Loop') }), 'model.refused', /"bad" \(Loop\)/)
    await code(load({ graph: bad('NoSuchOperator') }), traits.unknownOperator ?? 'model.invalid', /NoSuchOperator/)
    await code(load({ graph: identityModel('bfloat16') }), 'model.invalid', /bfloat16/)
    await code(load({ graph: addModel() }, { provider: 'abacus' as 'cpu' }), 'engine.no-provider', /abacus/)
  })

  test('refuses inputs that are missing, unknown, or of another dtype or shape, and goes on', async () => {
    const session = await load({ graph: addModel() })
    const { a } = ab as { a: Tensor }
    await code(session.run({ a }), 'engine.input-missing', /"b" is missing; expected float32 \[n, 3\]/)
    await code(session.run({ ...ab, c: a }), 'engine.input-unknown', /"c"/)
    await code(session.run({ A: a, b: a }), 'engine.input-unknown', /did you mean "a"/)
    const doubles: Tensor = { dtype: 'float64', shape: [1, 3], data: new Uint8Array(24) }
    const wrongType = /expected float32 \[n, 3\], found float64 \[1, 3\]/
    await code(session.run({ a, b: doubles }), 'engine.input-dtype', wrongType)
    const wrongShape = /expected float32 \[n, 3\], found float32 \[1, 2\]/
    await code(session.run({ a, b: f32([1, 2], 1, 2) }), 'engine.input-shape', wrongShape)
    await code(session.run({ a, b: f32([3], 1, 2, 3) }), 'engine.input-shape', /found float32 \[3\]/)
    await code(session.run({ a, b: { ...a, data: new Uint8Array(8) } }), 'tensor.size', /12 bytes, found 8/)
    assert.equal((await session.run(ab)).sum, f32([1, 3], 11, 22, 33))
    await session.close()
  })

  test('NaN is a number like any other unless the caller says it is not', async () => {
    const session = await load({ graph: addModel() })
    const bad = { ...ab, b: f32([1, 3], 1, Number.NaN, Number.POSITIVE_INFINITY) }
    assert.ok(Number.isNaN(new DataView((await session.run(bad)).sum!.data.slice().buffer).getFloat32(4, true)))
    await code(session.run(bad, { finite: true }), 'tensor.not-finite', /"b".*element 1/)
    assert.equal((await session.run(ab, { finite: true })).sum, f32([1, 3], 11, 22, 33))
    await session.close()
  })

  if (carries('string'))
    test('a string that the engine would cut short is refused', async () => {
      const session = await load({ graph: identityModel('string') })
      const cut: Tensor = { dtype: 'string', shape: [2], data: encodeStrings(['a', 'b\0c']) }
      await code(session.run({ x: cut }), 'tensor.content', /string 1 holds a NUL/)
      await session.close()
    })

  test('a graph that fails on its inputs says so, and serves the next', async () => {
    const session = await load({ graph: matMulChain(1) })
    await code(session.run({ x: f32([2, 3], 1, 2, 3, 4, 5, 6) }), 'engine.run-failed', /MatMul/)
    assert.equal((await session.run({ x: f32([1, 1], 3) })).y, f32([1, 1], 9))
    await session.close()
  })

  test('more memory than there is says so', async () => {
    const session = await load({ graph: expandModel(3) })
    const shape: Tensor = { dtype: 'int64', shape: [3], data: bytes(BigInt64Array.of(100_000n, 100_000n, 10_000n)) }
    await code(session.run({ x: f32([1], 1), shape }), 'engine.out-of-memory')
    await session.close()
  })

  test('a closed session stays closed', async () => {
    const session = await load({ graph: addModel() })
    await session.close()
    await session.close()
    await code(session.run(ab), 'engine.closed')
  })

  test('what is aborted before it begins does not begin', async () => {
    const signal = AbortSignal.abort()
    await code(load({ graph: addModel() }, { signal }), 'aborted')
    const session = await load({ graph: addModel() })
    await code(session.run(ab, { signal }), 'aborted')
    assert.equal((await session.run(ab)).sum, f32([1, 3], 11, 22, 33))
    await session.close()
  })

  test('unknown fields of a newer format do no harm', async () => {
    const session = await load({ graph: Buffer.concat([addModel(), field(999, 'new')]) })
    assert.equal((await session.run(ab)).sum, f32([1, 3], 11, 22, 33))
    await session.close()
  })
}

function bytes(array: { readonly buffer: ArrayBufferLike }): Uint8Array {
  return new Uint8Array(array.buffer)
}
