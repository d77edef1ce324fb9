import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalBytes, isAividaError, limit, type Random, seededRandom } from '../../../runtime/base/index.ts'
import {
  DTYPES,
  type DType,
  decodeTensors,
  digestOfTensors,
  elementCount,
  encodeTensors,
  type NamedTensors,
  stringsOf,
  type Tensor,
  tensorOf,
  typedArrayOf,
} from '../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../refusal.ts'

const joined = (tensors: NamedTensors) => new Uint8Array(Buffer.concat(encodeTensors(tensors)))
const plain = (tensors: NamedTensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, { ...t, data: new Uint8Array(t.data) }]))

function randomTensor(random: Random): Tensor {
  const dtype = Object.keys(DTYPES)[Math.floor(random.float() * 14)] as DType
  const shape = Array.from({ length: Math.floor(random.float() * 4) }, () => Math.floor(random.float() * 6))
  const count = elementCount(shape)
  if (dtype === 'string')
    return tensorOf(
      Array.from({ length: count }, () => 'é'.repeat(random.float() * 5)),
      shape,
    )
  const data = random.bytes(count * DTYPES[dtype])
  return { dtype, shape, data: dtype === 'bool' ? data.map((byte) => byte & 1) : data }
}

const randomTensors = (random: Random): NamedTensors =>
  Object.fromEntries(
    Array.from({ length: Math.floor(random.float() * 6) }, () => [
      String.fromCodePoint(...Array.from(random.bytes(1 + random.float() * 3), (byte) => byte * 700)).toWellFormed(),
      randomTensor(random),
    ]),
  )

test('tensors of every dtype and shape come back as they were, from memory that nobody copied', () => {
  const random = seededRandom(1)
  for (let round = 0; round < 200; round++) {
    const tensors = randomTensors(random)
    const bytes = joined(tensors)
    const back = decodeTensors(bytes)
    assert.equal(plain(back), plain(tensors))
    for (const { data } of Object.values(back)) {
      assert.is(data.buffer, bytes.buffer)
      assert.is(data.byteOffset % 64, 0)
    }
  }
})

test('tensors are sent from where they lie', () => {
  const weights = tensorOf(new Float32Array(1000).fill(1.5))
  const pieces = encodeTensors({ a: tensorOf(Float32Array.of(1)), weights })
  assert.ok(pieces.includes(weights.data))
})

test('names that JavaScript treats specially are names like any other', () => {
  const tensors = JSON.parse('{"__proto__":0,"10":1,"9":2,"":3}') as Record<string, number>
  const named = Object.fromEntries(Object.entries(tensors).map(([name, n]) => [name, tensorOf(Int32Array.of(n))]))
  const back = decodeTensors(joined(named))
  assert.equal(Object.keys(back).sort(), ['', '10', '9', '__proto__'])
  assert.equal([...typedArrayOf(back['10']!)], [1])
})

test('equal tensors have equal bytes and one digest, in whatever order and memory they lie', () => {
  const a = tensorOf(Float32Array.of(1, 2, 3))
  const b = tensorOf(['x'])
  assert.equal(joined({ a, b }), joined({ b, a }))
  const shifted = { ...a, data: Uint8Array.of(0, ...a.data).subarray(1) }
  assert.is(digestOfTensors({ a: shifted, b }), digestOfTensors({ a, b }))
  assert.is.not(digestOfTensors({ a, b }), digestOfTensors({ a: b, b: a }))
  assert.is.not(digestOfTensors({ a }), digestOfTensors({ a: { ...a, shape: [1, 3] } }))
})

test('a message cut anywhere is refused', () => {
  const bytes = joined({ x: tensorOf(Float32Array.of(1, 2, 3)), y: tensorOf(['ab']) })
  for (let length = 0; length < bytes.length; length++)
    refusesSync('tensor.malformed', () => decodeTensors(bytes.subarray(0, length)))
  refusesSync('tensor.malformed', () => decodeTensors(Uint8Array.of(...bytes, 0)))
})

test('a message altered anywhere is read as other tensors or refused as a peer’s fault, at once', () => {
  const random = seededRandom(2)
  const bytes = joined({
    x: tensorOf(Float32Array.of(1, 2, 3)),
    y: tensorOf(['ab']),
    z: tensorOf(Uint8Array.of(1), [1], 'bool'),
  })
  for (let round = 0; round < 3000; round++) {
    const altered = bytes.slice()
    for (let i = 0; i <= round % 3; i++) altered[Math.floor(random.float() * bytes.length)] = random.bytes(1)[0]!
    try {
      decodeTensors(altered)
    } catch (error) {
      assert.ok(isAividaError(error) && error.category === 'peer' && error.code.startsWith('tensor.'), String(error))
    }
  }
})

test('a header that promises too much is refused before anything is made of it', () => {
  const refuse = (code: string, tensors: unknown[]) => refusesSync(code, () => decodeTensors(forged(tensors)))
  const x = { name: 'x', dtype: 'uint8', shape: [8], sizeBytes: 8 }
  refuse('tensor.malformed', [{ ...x, shape: [2 ** 40], sizeBytes: 2 ** 40 }])
  refuse('tensor.size', [{ ...x, shape: [2 ** 31 - 1] }])
  refuse('tensor.shape', [{ ...x, shape: [2 ** 40, 0] }])
  refuse('tensor.malformed', [{ ...x, shape: Array(17).fill(1) }])
  refuse('tensor.malformed', [{ ...x, dtype: 'complex64' }])
  refuse('tensor.malformed', [{ ...x, name: 'n'.repeat(513) }])
  refuse('tensor.malformed', [x, x])
  refuse('tensor.malformed', [x, { ...x, name: 'a' }])
  refuse(
    'tensor.malformed',
    Array.from({ length: 4097 }, (_, i) => ({ ...x, name: String(i), sizeBytes: 0 })),
  )
  refuse('tensor.content', [{ name: 's', dtype: 'string', shape: [2 ** 31 - 1], sizeBytes: 8 }])
  const huge = new Uint8Array(64)
  huge.set([...Buffer.from('AvTn'), 255, 255, 255, 255])
  refusesSync('tensor.malformed', () => decodeTensors(huge))
})

test('bytes between the tensors must be zero, so that nothing else has the same content', () => {
  const bytes = joined({ x: tensorOf(Uint8Array.of(1)) })
  bytes[bytes.length - 1] = 1
  refusesSync('tensor.malformed', () => decodeTensors(bytes))
})

test('what exceeds a message’s bounds is refused when it is encoded', () => {
  const one = tensorOf(Uint8Array.of(1))
  const many = Array.from({ length: limit('tensorsPerMessage') + 1 }, (_, i) => [`t${i}`, one])
  refusesSync('tensor.limit', () => encodeTensors(Object.fromEntries(many)))
  refusesSync('tensor.name', () => encodeTensors({ ['n'.repeat(513)]: one }))
  refusesSync('tensor.name', () => encodeTensors({ '\ud800': one }))
  refusesSync('tensor.size', () => encodeTensors({ x: { ...one, shape: [2] } }))
  const longNames = Array.from({ length: 4096 }, (_, i) => [`${i}${'界'.repeat(500)}`, one])
  refusesSync('tensor.limit', () => encodeTensors(Object.fromEntries(longNames)))
})

test('version 1 is read as it was written', () => {
  const file = join(import.meta.dirname, '../../fixtures/data/tensors-v1.bin')
  const bytes = new Uint8Array(readFileSync(file))
  const tensors = decodeTensors(bytes)
  assert.equal(Object.keys(tensors), Object.keys(DTYPES).sort())
  assert.equal([...typedArrayOf(tensors.float32!)], [1, -2.5, 0])
  assert.equal([...typedArrayOf(tensors.int64!)], [-(2n ** 63n), 0n, 1n])
  assert.equal(stringsOf(tensors.string!), ['', 'größe', '\u{1f40b}'])
  assert.equal(tensors.bool!.shape, [3, 1])
  assert.equal(joined(tensors), bytes)
})

/** A message whose header says `tensors`, with 64 bytes of zeros for each. */
function forged(tensors: unknown[]): Uint8Array {
  const header = canonicalBytes({ v: 1, tensors })
  const start = Math.ceil((8 + header.byteLength) / 64) * 64
  const bytes = Buffer.alloc(start + 64 * tensors.length)
  bytes.set(Buffer.from('AvTn'))
  bytes.writeUInt32LE(header.byteLength, 4)
  bytes.set(header, 8)
  return bytes
}

test.run()
