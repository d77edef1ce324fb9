import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError } from '../../../runtime/base/errors.ts'
import { checkFinite } from '../../../runtime/compute/model/finite.ts'
import { checkInputs, type TensorSpec } from '../../../runtime/compute/model/tensor-spec.ts'
import { DTYPES, type DType, type NamedTensors, type Tensor } from '../../../runtime/data/tensor/tensor.ts'

const test = suite('tensor spec')

const specs: TensorSpec[] = [
  { name: 'pixels', dtype: 'uint8', shape: ['batch', 2] },
  { name: 'any', dtype: 'float32' },
]
const pixels: Tensor = { dtype: 'uint8', shape: [1, 2], data: new Uint8Array(2) }
const any: Tensor = { dtype: 'float32', shape: [], data: new Uint8Array(4) }

function failure(inputs: NamedTensors): AividaError {
  try {
    checkInputs(specs, inputs)
  } catch (error) {
    if (isAividaError(error)) return error
    throw error
  }
  throw new Error('it passed')
}

test('what fits passes; an unknown shape takes any', () => {
  checkInputs(specs, { pixels, any })
  checkInputs(specs, { pixels, any: { ...any, shape: [1, 1, 1] } })
})

test('what does not fit is told by input, with what was expected and found', () => {
  assert.is(failure({ pixels }).code, 'engine.input-missing')
  assert.match(failure({ pixels }).message, /"any" is missing; expected float32 of any shape/)
  assert.match(
    failure({ pixel: pixels, any }).message,
    /no input "pixel"; did you mean "pixels"\? it takes pixels, any/,
  )
  assert.not.match(failure({ zzz: any }).message, /did you mean/)
  assert.is(failure({ pixels: { ...pixels, dtype: 'int8' }, any }).code, 'engine.input-dtype')
  assert.is(failure({ pixels: { ...pixels, shape: [2, 1] }, any }).code, 'engine.input-shape')
  assert.equal(failure({ pixels: { ...pixels, shape: [2, 1] }, any }).facts, { input: 'pixels' })
})

test('a name that every object has is missing like any other', () => {
  try {
    checkInputs([{ name: 'constructor', dtype: 'uint8' }], {})
    assert.unreachable()
  } catch (error) {
    assert.ok(isAividaError(error, 'engine.input-missing'))
  }
})

test('NaN and infinities are found in every float type, and only there', () => {
  const cases: [DType, (view: DataView, at: number, value: number) => void][] = [
    ['float64', (view, at, value) => view.setFloat64(at, value, true)],
    ['float32', (view, at, value) => view.setFloat32(at, value, true)],
    ['bfloat16', (view, at, value) => view.setUint16(at, float32Bits(value) >>> 16, true)],
    ['float16', (view, at, value) => view.setUint16(at, toHalf(value), true)],
  ]
  for (const [dtype, set] of cases)
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5, -0, 60_000]) {
      const size = DTYPES[dtype]
      const data = new Uint8Array(3 * size)
      set(new DataView(data.buffer), 2 * size, value)
      let found: unknown
      try {
        checkFinite('x', { dtype, shape: [3], data })
      } catch (error) {
        found = error
      }
      assert.is(found === undefined, Number.isFinite(value), `${dtype} ${value}`)
      if (found) assert.match(String(found), /"x".*element 2/)
    }
  checkFinite('x', { dtype: 'int32', shape: [1], data: Uint8Array.of(255, 255, 255, 255) })
})

const float32Bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]!

/** Enough of a conversion for the values above. */
function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  if (!Number.isFinite(value)) return value > 0 ? 0x7c00 : 0xfc00
  return value === 1.5 ? 0x3e00 : value === 60_000 ? 0x7b53 : 0x8000
}

test.run()
