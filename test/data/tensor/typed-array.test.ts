import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  checkTensor,
  type DType,
  stringsOf,
  type Tensor,
  type TensorArray,
  tensorOf,
  typedArrayOf,
} from '../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../refusal.ts'

test('a typed array becomes a tensor over the same memory, its dtype told by its class', () => {
  const arrays: readonly [TensorArray, DType][] = [
    [Float32Array.of(1, -2.5), 'float32'],
    [Float64Array.of(1e300), 'float64'],
    [Float16Array.of(1, 2, 3), 'float16'],
    [Int8Array.of(-1), 'int8'],
    [Uint8Array.of(255), 'uint8'],
    [Int16Array.of(-300), 'int16'],
    [Uint16Array.of(65535), 'uint16'],
    [Int32Array.of(-70000), 'int32'],
    [Uint32Array.of(2 ** 32 - 1), 'uint32'],
    [BigInt64Array.of(-(2n ** 63n)), 'int64'],
    [BigUint64Array.of(2n ** 64n - 1n), 'uint64'],
  ]
  for (const [values, dtype] of arrays) {
    const tensor = tensorOf(values)
    assert.is(tensor.dtype, dtype)
    assert.equal(tensor.shape, [values.length])
    assert.is(tensor.data.buffer, values.buffer)
    const back = typedArrayOf(tensor)
    assert.is(back.constructor, values.constructor)
    assert.equal([...back], [...values])
    assert.is(back.buffer, values.buffer)
  }
})

test('bytes that begin where no element may are copied, those of a Buffer, too', () => {
  const bytes = Buffer.from([0, ...new Uint8Array(Float32Array.of(1.5, -2).buffer)]).subarray(1)
  assert.equal([...typedArrayOf({ dtype: 'float32', shape: [2], data: bytes })], [1.5, -2])
})

test('bool, bfloat16 and words of float16 are told by the caller', () => {
  assert.is(tensorOf(Uint8Array.of(0, 1), [2], 'bool').dtype, 'bool')
  assert.equal([...typedArrayOf(tensorOf(Uint16Array.of(0x3f80), [], 'bfloat16'))], [0x3f80])
  assert.equal([...typedArrayOf(tensorOf(Uint16Array.of(0x3c00), [1], 'float16'))], [1])
})

test('strings of every sort come back, an empty one and one beyond the BMP included', () => {
  const texts = ['', 'a', 'größe', '\u{1f40b}', 'x'.repeat(300), '\ufeffmark']
  assert.equal(stringsOf(tensorOf(texts, [2, 3])), texts)
})

test('a view that begins where its elements may not is copied', () => {
  const bytes = new Uint8Array(13)
  bytes.set(new Uint8Array(Float32Array.of(1, 2, 3).buffer), 1)
  const tensor: Tensor = { dtype: 'float32', shape: [3], data: bytes.subarray(1) }
  assert.equal([...typedArrayOf(tensor)], [1, 2, 3])
})

test('what does not fit together is refused with its code', () => {
  refusesSync('tensor.size', () => tensorOf(Float32Array.of(1, 2), [3]))
  refusesSync('tensor.size', () => tensorOf(['a'], [2]))
  refusesSync('tensor.shape', () => tensorOf(Float32Array.of(1), [-1]))
  refusesSync('tensor.shape', () => tensorOf(Float32Array.of(1), [0.5, 2]))
  refusesSync('tensor.shape', () => tensorOf(new Float32Array(0), [2 ** 31, 0]))
  refusesSync('tensor.shape', () => tensorOf(Float32Array.of(1), Array(17).fill(1)))
  refusesSync('tensor.dtype', () => tensorOf(Float32Array.of(1), [1], 'int32'))
  refusesSync('tensor.dtype', () => tensorOf(['a'], [1], 'uint8'))
  refusesSync('tensor.dtype', () => tensorOf(new DataView(new ArrayBuffer(4)) as unknown as Uint8Array, [4]))
  refusesSync('tensor.dtype', () => typedArrayOf(tensorOf(['a'])))
  refusesSync('tensor.dtype', () => stringsOf(tensorOf(Uint8Array.of(1))))
  refusesSync('tensor.content', () => tensorOf(Uint8Array.of(2), [1], 'bool'))
  refusesSync('tensor.dtype', () => checkTensor({ dtype: 'toString' as DType, shape: [], data: new Uint8Array() }))
})

test('strings that do not fill their bytes, or are not UTF-8, are refused', () => {
  const strings = (data: Uint8Array, count: number): Tensor => ({ dtype: 'string', shape: [count], data })
  refusesSync('tensor.content', () => checkTensor(strings(Uint8Array.of(1, 0, 0), 1)))
  refusesSync('tensor.content', () => checkTensor(strings(Uint8Array.of(9, 0, 0, 0, 65), 1)))
  refusesSync('tensor.content', () => checkTensor(strings(Uint8Array.of(), 2 ** 31 - 1)))
  refusesSync('tensor.size', () => checkTensor(strings(Uint8Array.of(0, 0, 0, 0, 65), 1)))
  refusesSync('tensor.content', () => stringsOf(strings(Uint8Array.of(1, 0, 0, 0, 0xff), 1)))
})

test('bytes that begin where no element may are copied, those of a Buffer too', () => {
  const bytes = Buffer.concat([Buffer.of(0), Buffer.from(Float32Array.of(1.5, -2).buffer)]).subarray(1)
  assert.is(bytes.byteOffset % 4 !== 0, true)
  assert.equal([...typedArrayOf({ dtype: 'float32', shape: [2], data: bytes })], [1.5, -2])
})

test.run()
