import type { BlockCode } from './block-codes.ts'

/** Levels and threshold of the best quantiser of a Gaussian to four levels (Max 1960, "Quantizing for minimum distortion"). */
const [INNER, OUTER, THRESHOLD] = [0.4528, 1.51, 0.9816]

/** A number to see the bits of: comparing those costs no branch that is guessed wrong half of the time. */
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Two levels either side of zero, times the root mean square. Bit 0: negative; bit 1: the outer level. */
export const lloydMax: BlockCode = {
  bits: 2,
  rounding: 'nearest',
  scale(values, count) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += values[i]! * values[i]!
    return Math.sqrt(sum / count)
  },
  write(values, count, scale, codes, at) {
    const levels = fourLevels(scale)
    const words = wordsOf(values)
    float[0] = THRESHOLD * scale
    const threshold = bits[0]!
    for (let i = 0; i < count; at++) {
      let byte = 0
      const to = Math.min(i + 4, count)
      for (let shift = 0; i < to; i++, shift += 2) {
        const word = words[i]!
        const code = (word >>> 31) | (((threshold - (word & 0x7fff_ffff)) >>> 31) << 1)
        byte |= code << shift
        values[i] = values[i]! - levels[code]!
      }
      codes[at] = byte
    }
  },
  read(codes, at, scale, into, from, to) {
    const levels = fourLevels(scale)
    for (let i = from; i < to; at++) {
      let byte = codes[at]!
      const end = Math.min(i + 4, to)
      for (; i < end; i++, byte >>= 2) into[i] = levels[byte & 3]!
    }
  },
}

/** The sign, times the mean magnitude (Bernstein et al. 2018, "signSGD", with the scale of Karimireddy et al. 2019). */
export const sign: BlockCode = {
  bits: 1,
  rounding: 'nearest',
  scale(values, count) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += Math.abs(values[i]!)
    return sum / count
  },
  write(values, count, scale, codes, at) {
    const words = wordsOf(values)
    for (let i = 0; i < count; at++) {
      let byte = 0
      const to = Math.min(i + 8, count)
      for (let shift = 0; i < to; i++, shift++) {
        const negative = words[i]! >>> 31
        byte |= negative << shift
        values[i] = values[i]! - (scale - 2 * scale * negative)
      }
      codes[at] = byte
    }
  },
  read(codes, at, scale, into, from, to) {
    for (let i = from; i < to; at++) {
      let byte = codes[at]!
      const end = Math.min(i + 8, to)
      for (; i < end; i++, byte >>= 1) into[i] = scale - 2 * scale * (byte & 1)
    }
  },
}

/** Levels by their codes; shared until the next call. */
function fourLevels(scale: number): Float32Array {
  LEVELS[0] = INNER * scale
  LEVELS[1] = -LEVELS[0]!
  LEVELS[2] = OUTER * scale
  LEVELS[3] = -LEVELS[2]!
  return LEVELS
}

const LEVELS = new Float32Array(4)

function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}
