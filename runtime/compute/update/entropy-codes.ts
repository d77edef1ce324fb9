import { peerError } from '../../base/errors.ts'
import type { Compression } from '../../protocol/index.ts'
import type { Compressor } from './compressor.ts'
import { RangeDecoder, RangeEncoder } from './range-coder.ts'
import { assertFinite, scaleBits, scaleOf } from './scale.ts'
import { SymbolTable } from './symbol-table.ts'

/** The largest code; what it leaves over goes with the next update. */
const LARGEST_CODE = 15
/**
 * In steps: below this a value is zero, and how much nearer to zero than its step a code stands for. Both are where changes
 * of an MLP's and a transformer's weights lost least at 0.4 to 1.1 bits.
 */
const [ZERO, SHIFT] = [0.62, 0.12]

/**
 * Whole steps, most of them zero, in as many bits as their frequencies say (entropy-coded scalar quantisation: Gish and Pierce
 * 1968, "Asymptotically efficient quantizing"). A step is `step` times the root mean square of its block. No code tells
 * anything of its neighbours in changes of weights, so one table of frequencies serves a whole update.
 *
 * First the scale of each block as bfloat16, then the table, then all codes from a range coder.
 */
export function entropyCompressor(compression: Compression, block: number, step: number): Compressor {
  const scalesOf = (elements: number) => 2 * Math.ceil(elements / block)
  return {
    compression,
    encode(values, residual) {
      const codes = new Uint8Array(values.length)
      const head = scalesOf(values.length)
      const bytes = new Uint8Array(head + SymbolTable.largestBytes(2 * LARGEST_CODE + 1) + 2 * values.length + 8)
      const scratch = new Float32Array(block)
      for (let from = 0, number = 0; from < values.length; from += block, number++) {
        const count = Math.min(block, values.length - from)
        if (residual) for (let i = 0; i < count; i++) scratch[i] = values[from + i]! + residual[from + i]!
        else for (let i = 0; i < count; i++) scratch[i] = values[from + i]!
        const norm = step * rootMeanSquare(scratch, count)
        assertFinite(norm)
        const scale = scaleBits(norm, 'nearest')
        bytes[2 * number] = scale & 0xff
        bytes[2 * number + 1] = scale >>> 8
        quantise(scratch, count, scaleOf(scale), codes, from)
        if (residual) for (let i = 0; i < count; i++) residual[from + i] = scratch[i]!
      }
      const table = SymbolTable.of(codes, 2 * LARGEST_CODE + 1)
      const coder = new RangeEncoder(bytes, table.write(bytes, head))
      const { starts } = table
      for (let i = 0; i < codes.length; i++) {
        const start = starts[codes[i]!]!
        coder.write(start, starts[codes[i]! + 1]! - start)
      }
      return bytes.slice(0, coder.end())
    },
    leastBytes: scalesOf,
    decode(bytes, into) {
      const head = scalesOf(into.length)
      const { table, end } = SymbolTable.read(bytes, head, 2 * LARGEST_CODE + 1)
      const { starts, symbols } = table
      const coder = new RangeDecoder(bytes, end)
      const levels = new Float32Array(2 * LARGEST_CODE + 1)
      for (let from = 0, number = 0; from < into.length; from += block, number++) {
        setLevels(levels, scaleOf(bytes[2 * number]! | (bytes[2 * number + 1]! << 8)))
        const to = Math.min(from + block, into.length)
        for (let i = from; i < to; i++) {
          const symbol = symbols[coder.place()]!
          const start = starts[symbol]!
          coder.take(start, starts[symbol + 1]! - start)
          into[i] = levels[symbol]!
        }
      }
      if (!coder.isAtEnd())
        throw peerError(
          'update.malformed',
          `expected codes of ${into.length} values by ${compression.kind} in blocks of ${block}, found ${bytes.byteLength} bytes, which are of more or fewer; both sides must name the same compression`,
        )
    },
  }
}

function rootMeanSquare(values: Float32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum / count)
}

/** Writes codes - 0, then the positive and the negative one of each size - and leaves in `values` what they do not say. */
function quantise(values: Float32Array, count: number, scale: number, codes: Uint8Array, at: number): void {
  const inverse = scale > 0 ? 1 / scale : 0
  const levels = new Float32Array(2 * LARGEST_CODE + 1)
  setLevels(levels, scale)
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    const steps = Math.abs(value) * inverse
    if (steps < ZERO) continue
    const size = Math.min(LARGEST_CODE, Math.max(1, Math.floor(steps + 0.5)))
    const code = 2 * size - (value < 0 ? 0 : 1)
    codes[at + i] = code
    values[i] = value - levels[code]!
  }
}

/** What each code stands for. */
function setLevels(levels: Float32Array, scale: number): void {
  for (let size = 1; size <= LARGEST_CODE; size++) {
    levels[2 * size - 1] = (size - SHIFT) * scale
    levels[2 * size] = -levels[2 * size - 1]!
  }
}
