import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/errors.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { readSafetensors, safetensorsHead } from '../../../runtime/data/tensor/safetensors.ts'
import { fileOf, safetensorsOf } from '../../support/training-shard.ts'

const test = suite('safetensors')

const tensors = { b: tensorOf(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]), a: tensorOf(BigInt64Array.of(7n), []) }

test('a file has the bytes that the format asks for', () => {
  const file = Buffer.from(safetensorsOf({ b: tensorOf(Float32Array.of(1), [1]) }))
  const json = '{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
  assert.is(file.readBigUInt64LE(), 56n)
  assert.is(file.subarray(8, 64).toString(), json.padEnd(56))
  assert.is(file.readFloatLE(64), 1)
  assert.is(file.byteLength, 68)
})

test('what is written is read: names, shapes and places, in the order of the bytes', async () => {
  const bytes = safetensorsOf(tensors)
  const found = await readSafetensors(fileOf(bytes))
  assert.equal(
    found.map(({ name, dtype, shape }) => [name, dtype, shape]),
    [
      ['b', 'float32', [2, 3]],
      ['a', 'int64', []],
    ],
  )
  for (const { name, at, sizeBytes } of found)
    assert.equal(
      Uint8Array.from(bytes.subarray(at, at + sizeBytes)),
      Uint8Array.from(tensors[name as keyof typeof tensors].data),
    )
})

test('metadata of other writers is passed over', async () => {
  const json = Buffer.from('{"__metadata__":{"format":"pt"},"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}')
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.byteLength))
  const [x] = await readSafetensors(fileOf(Buffer.concat([prefix, json, Buffer.of(1, 2)])))
  assert.equal(x, { name: 'x', dtype: 'uint8', shape: [2], at: 8 + json.byteLength, sizeBytes: 2 })
})

const whole = Buffer.from(safetensorsOf(tensors))
const altered = (from: string, to: string) => Buffer.from(whole.toString('latin1').replace(from, to), 'latin1')

for (const [what, bytes] of [
  ['a file that ends early', whole.subarray(0, -1)],
  ['a file with more behind it', Buffer.concat([whole, Buffer.of(0)])],
  ['an empty file', Buffer.alloc(0)],
  ['another file', Buffer.from('\x89PNG\r\n\x1a\n and so on')],
  ['a shape that takes more bytes', altered('[2,3]', '[2,9]')],
  ['bytes that two tensors share', altered('[24,32]', '[16,24]')],
  ['a type that nobody knows', altered('"F32"', '"F23"')],
] as const)
  test(`${what} is refused`, async () => {
    const failure = await readSafetensors(fileOf(bytes)).then(
      () => undefined,
      (error) => error,
    )
    assert.ok(isAividaError(failure, 'tensor.malformed'), String(failure))
  })

test('strings have no place in it', () => {
  assert.throws(
    () => safetensorsHead([{ name: 'x', dtype: 'string', shape: [1] }]),
    (error: unknown) => isAividaError(error, 'tensor.dtype'),
  )
})

test.run()
