import { createHash } from 'node:crypto'
import { canonicalBytes } from '../../base/index.ts'
import { elementCount } from '../../data/tensor/check.ts'
import type { Tensor } from '../../data/tensor/tensor.ts'

/** What a random mask follows from. */
export interface MaskInit {
  /** Whole number of up to 2^53 - 1. */
  readonly seed: number
  /** Number of the step; 0 is the first. */
  readonly step: number
  /** The graph's input: masks of one step differ by it. */
  readonly name: string
  readonly shape: readonly number[]
  /** Probability of a one, in steps of 1/65,536. */
  readonly keep: number
}

/**
 * Zeros and ones of a step, `uint8`, by counting rather than by going on from a state: any step by itself, the same on
 * every machine. Element i is decided by 16 bits of a hash of 32 bits of i >> 1 (the finaliser of MurmurHash3, Appleby,
 * before and after each of two keys, which are the SHA-256 of seed, step and name). Not for secrets.
 */
export function maskOf({ seed, step, name, shape, keep }: MaskInit): Tensor {
  const digest = createHash('sha256')
    .update(canonicalBytes(['aivida/mask/1', name, seed, step]))
    .digest()
  const [first, second] = [digest.readUInt32LE(0), digest.readUInt32LE(4)]
  const below = Math.round(keep * 65_536)
  const data = new Uint8Array(elementCount(shape))
  for (let i = 0; i < data.length; i += 2) {
    const word = finalised(finalised((i >>> 1) ^ first) + second)
    data[i] = (word & 0xffff) < below ? 1 : 0
    if (i + 1 < data.length) data[i + 1] = word >>> 16 < below ? 1 : 0
  }
  return { dtype: 'uint8', shape, data }
}

function finalised(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
