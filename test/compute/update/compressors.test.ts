import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, seededRandom, sha256 } from '../../../runtime/base/index.ts'
import { COMPRESSIONS, compressorOf, decodeUpdate, encodeUpdate } from '../../../runtime/compute/update/index.ts'
import { sampleUpdate } from './sample-updates.ts'

const test = suite('compressors')

/** Lengths that fill no block, some, or end within one; and within a byte of codes. */
const LENGTHS = [1, 3, 7, 128, 300, 4_096, 9_001]

test('each takes the bits that it says, and loses as much of Gaussian values as it should', () => {
  const values = gaussian(100_000)
  const measured = COMPRESSIONS.map((kind) => {
    const { bytes, decoded } = roundTrip(kind, values)
    const lost = Math.sqrt(squares(decoded, values) / squares(values))
    return [kind, ((8 * bytes.byteLength) / values.length).toFixed(2), lost.toFixed(2)]
  })
  assert.equal(measured, [
    ['f32', '32.00', '0.00'],
    ['i8', '8.06', '0.01'],
    ['i4', '4.25', '0.11'],
    ['q2', '2.13', '0.34'],
    ['s1', '1.06', '0.60'],
    ['ec', '1.16', '0.54'],
    ['topk', '0.27', '0.90'],
  ])
})

test('no value is further off than half a step of its block', () => {
  for (const [kind, block, most] of [
    ['i8', 256, 127],
    ['i4', 64, 7],
  ] as const)
    for (const length of LENGTHS) {
      const values = sampleUpdate(length, length)
      const { decoded } = roundTrip(kind, values)
      for (let from = 0; from < length; from += block) {
        const part = values.subarray(from, from + block)
        const step = Math.max(...part.map(Math.abs)) / most
        const worst = Math.max(...part.map((value, i) => Math.abs(value - decoded[from + i]!)))
        assert.ok(worst <= 0.505 * step, `${kind}: ${worst} with steps of ${step}`)
      }
    }
})

test('what was sent and what is left over are together what there was', () => {
  for (const kind of COMPRESSIONS)
    for (const length of LENGTHS) {
      const compressor = compressorOf({ kind })
      const residual = new Float32Array(length)
      const sum = new Float64Array(length)
      const sent = new Float64Array(length)
      const decoded = new Float32Array(length)
      for (let round = 0; round < 20; round++) {
        const values = sampleUpdate(length, 31 * length + round)
        const before = Float32Array.from(values)
        compressor.decode(compressor.encode(values, residual), decoded)
        assert.equal(values, before, 'values are not changed')
        for (let i = 0; i < length; i++) {
          sum[i]! += values[i]!
          sent[i]! += decoded[i]!
        }
      }
      const off = sum.map((value, i) => Math.abs(value - sent[i]! - residual[i]!))
      assert.ok(Math.max(...off) < 1e-6, `${kind}, ${length}: ${Math.max(...off)}`)
    }
})

test('slices that are cut at chunks have the same codes as the whole', () => {
  const values = sampleUpdate(3 * 4_096 + 77, 5)
  for (const kind of COMPRESSIONS) {
    const parts = [0, 4_096, 3 * 4_096].map((from, i) => values.subarray(from, [4_096, 3 * 4_096, values.length][i]))
    const pieces = parts.map((part) => [...roundTrip(kind, part).decoded])
    assert.equal(pieces.flat(), [...roundTrip(kind, values).decoded], kind)
  }
})

test('bytes are the same on every machine, by their hash; a residual of zeros is none', () => {
  const values = sampleUpdate(10_000, 1)
  const digests = COMPRESSIONS.map((kind) => {
    const compressor = compressorOf({ kind })
    const residual = new Float32Array(values.length)
    const bytes = compressor.encode(values, residual)
    assert.equal(bytes, compressor.encode(values))
    const again = compressor.encode(values, residual)
    return [kind, sha256(bytes).slice(0, 16), sha256(again).slice(0, 16)]
  })
  assert.equal(digests, [
    ['f32', '877799d1f5d16645', '877799d1f5d16645'],
    ['i8', '6feb912ae27304e7', '184d7adb373e75e6'],
    ['i4', '3f2fc8860bc5b9ba', '80dfab96421f5883'],
    ['q2', '11c442e8ecfe36b2', 'fb1be58c3f26efa1'],
    ['s1', '61d95477b7302bff', '66a236f6d6de8bbf'],
    ['ec', 'f8aebf2e090a66e9', 'b0056e7a628ff6d0'],
    ['topk', 'd9515b892a17766a', '294fb65ef0b9f7cf'],
  ])
})

test('zeros are zeros, the smallest numbers and large ones are borne', () => {
  for (const kind of COMPRESSIONS) {
    assert.equal([...roundTrip(kind, new Float32Array(500)).decoded].map(Math.abs), Array(500).fill(0), kind)
    for (const size of [1e-45, 1e-39, 1e-30, 1e30]) {
      const { decoded } = roundTrip(
        kind,
        Float32Array.from({ length: 500 }, (_, i) => (i % 2 ? size : -size)),
      )
      assert.ok(decoded.every(Number.isFinite), `${kind} ${size}`)
      if (size > 1e-39 && kind !== 'ec')
        // where all are alike none is worth a step, the first time
        assert.ok(
          decoded.some((value) => Math.abs(value) > 0.9 * size),
          `${kind} ${size}`,
        )
    }
  }
})

test('what is no number is refused, wherever it comes from', () => {
  for (const kind of COMPRESSIONS)
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = sampleUpdate(1_000, 2)
      values[777] = wrong
      assert.is(
        codeOf(() => compressorOf({ kind }).encode(values)),
        'update.not-finite',
        `${kind} ${wrong}`,
      )
      const residual = new Float32Array(1_000)
      residual[777] = wrong
      const fine = sampleUpdate(1_000, 2)
      assert.is(
        codeOf(() => compressorOf({ kind }).encode(fine, residual)),
        'update.not-finite',
        `${kind} ${wrong}`,
      )
    }
  const bytes = compressorOf({ kind: 'q2' }).encode(sampleUpdate(1_000, 2))
  for (const scale of [0x7f80, 0xff80, 0x7fc0, 0xbf80, 0x7c00]) {
    bytes[4] = scale & 0xff
    bytes[5] = scale >>> 8
    assert.is(
      codeOf(() => compressorOf({ kind: 'q2' }).decode(bytes, new Float32Array(1_000))),
      'update.not-finite',
    )
  }
})

test('bytes of another length, or of other values, are refused', () => {
  for (const kind of COMPRESSIONS) {
    const compressor = compressorOf({ kind })
    const bytes = compressor.encode(sampleUpdate(9_000, 3))
    const into = new Float32Array(9_000)
    for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0)])
      assert.is(
        codeOf(() => compressor.decode(wrong, into)),
        'update.malformed',
        kind,
      )
    assert.is(
      codeOf(() => compressor.decode(bytes, new Float32Array(13_000))),
      'update.malformed',
      kind,
    )
  }
})

test('topk keeps the largest, ties to the first, in chunks and shares as told', () => {
  const values = Float32Array.of(1, -3, 2, 2, 0, 2, -2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1)
  const compressor = compressorOf({ kind: 'topk', block: 16, share: 0.25 })
  const decoded = new Float32Array(values.length)
  compressor.decode(compressor.encode(values), decoded)
  const rest = Math.fround((3 + 2 + 2) / 3)
  const scale = decoded[2]!
  assert.ok(Math.abs(scale - rest) < 0.01)
  assert.equal([...decoded], [0, -scale, scale, scale, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1])
})

test('ec takes more bits for smaller steps, and loses less; sizes above its largest go with later updates', () => {
  const values = gaussian(50_000)
  const measured = [0.25, 1, 3].map((step) => {
    const compressor = compressorOf({ kind: 'ec', step })
    const bytes = compressor.encode(values)
    const decoded = new Float32Array(values.length)
    compressor.decode(bytes, decoded)
    return [(8 * bytes.byteLength) / values.length, Math.sqrt(squares(decoded, values) / squares(values))]
  })
  assert.equal(
    measured.map((pair) => pair.map((value) => value.toFixed(1))),
    [
      ['4.1', '0.1'],
      ['2.0', '0.3'],
      ['0.4', '0.8'],
    ],
  )
  const spike = new Float32Array(1_024)
  spike[5] = -1
  const compressor = compressorOf({ kind: 'ec', step: 0.5 })
  const residual = new Float32Array(1_024)
  const sent = [spike, new Float32Array(1_024), new Float32Array(1_024)].map((each) => {
    const decoded = new Float32Array(1_024)
    compressor.decode(compressor.encode(each, residual), decoded)
    return decoded[5]!
  })
  assert.ok(sent[0]! > -0.3 && sent[0]! < -0.2, `${sent}`)
  assert.ok(Math.abs(sent[0]! + sent[1]! + sent[2]! + 1 + residual[5]!) < 1e-6)
})

test('statistics follow as f32, and nothing is left over of them', () => {
  const values = sampleUpdate(1_007, 4)
  const residual = new Float32Array(1_007)
  const compressor = compressorOf({ kind: 's1' })
  const decoded = new Float32Array(1_007)
  const bytes = encodeUpdate(compressor, values, 7, residual)
  decodeUpdate(compressor, bytes, 7, decoded)
  assert.equal(decoded.subarray(1_000), values.subarray(1_000))
  assert.equal(residual.subarray(1_000), new Float32Array(7))
  assert.ok(residual.subarray(0, 1_000).some((value) => value !== 0))
  assert.is(
    codeOf(() => decodeUpdate(compressor, bytes.subarray(0, 10), 7, decoded)),
    'update.malformed',
  )
})

test('an unknown kind and a block that does not end at a byte are told', () => {
  try {
    compressorOf({ kind: 'q3' })
    assert.unreachable()
  } catch (error) {
    assert.is((error as AividaError).code, 'compression.unknown')
    assert.match((error as AividaError).message, /f32, i8, i4, q2, s1, ec, topk.*found q3/)
  }
  assert.is(
    codeOf(() => compressorOf({ kind: 'q2', block: 100 })),
    'compression.block',
  )
})

test.run()

function roundTrip(kind: string, values: Float32Array): { readonly bytes: Uint8Array; readonly decoded: Float32Array } {
  const compressor = compressorOf({ kind })
  const bytes = compressor.encode(values)
  const decoded = new Float32Array(values.length)
  compressor.decode(bytes, decoded)
  return { bytes, decoded }
}

function gaussian(length: number): Float32Array {
  const random = seededRandom(7)
  const uniform = Float64Array.from({ length: 2 * length }, () => random.float() + 2 ** -40)
  return Float32Array.from(
    { length },
    (_, i) => 1e-3 * Math.sqrt(-2 * Math.log(uniform[2 * i]!)) * Math.cos(2 * Math.PI * uniform[2 * i + 1]!),
  )
}

function squares(a: Float32Array, b?: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - (b ? b[i]! : 0)) ** 2, 0)
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (error) {
    return (error as AividaError).code
  }
  return undefined
}
