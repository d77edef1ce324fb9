import { createHash } from 'node:crypto'
import { canonicalBytes, userError } from '../../base/index.ts'

/** Numbers 0 to `length` in another order; `at(i)` is the i-th. */
export interface Permutation {
  readonly length: number
  /** The number at a place, from 0. Throws `rows.range`. */
  at(index: number): number
}

/** What an order follows from. */
export interface PermutationInit {
  /** Whole numbers of up to 2^53 - 1. */
  readonly seed: number
  /** Which pass over the rows: each has another order. */
  readonly epoch: number
  /** How many numbers. */
  readonly length: number
}

/**
 * A pseudo-random order of `length` numbers as a function: no memory for all of them, any place by itself, the same on
 * every machine. A Feistel network over pairs (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains",
 * sections 3 and 5): a number is a pair (left, right) of a grid that is just large enough, rounds add a keyed hash of one
 * half to the other, and what falls outside of the length goes round again. Keys are the SHA-256 of seed and epoch.
 *
 * Not for secrets. Throws `rows.seed`.
 */
export function permutation({ seed, epoch, length }: PermutationInit): Permutation {
  return keyedPermutation(roundKeys(seed, epoch, 'rows'), length)
}

/** A {@link permutation} under keys that were made already. */
export function keyedPermutation(keys: Uint32Array, length: number): Permutation {
  const columns = Math.ceil(Math.sqrt(length))
  const rows = columns === 0 ? 0 : Math.ceil(length / columns)
  return {
    length,
    at(index) {
      if (!(Number.isInteger(index) && index >= 0 && index < length)) throw outOfRange(index, length)
      let found = index
      do found = throughRounds(found, rows, columns, keys)
      while (found >= length)
      return found
    },
  }
}

/** Keys of the rounds: what differs in seed, epoch or purpose gives an order of its own. Throws `rows.seed`. */
export function roundKeys(seed: number, epoch: number, purpose: string): Uint32Array {
  for (const value of [seed, epoch])
    if (!Number.isSafeInteger(value) || value < 0)
      throw userError('rows.seed', `a seed and an epoch are whole numbers from 0 to 2^53 - 1, found ${value}`)
  const digest = createHash('sha256')
    .update(canonicalBytes(['aivida/permutation/1', purpose, seed, epoch]))
    .digest()
  return Uint32Array.from({ length: ROUNDS }, (_, round) => digest.readUInt32LE(4 * round))
}

const ROUNDS = 8 // an even number: the halves are back in their places

function throughRounds(index: number, rows: number, columns: number, keys: Uint32Array): number {
  let left = index % rows
  let right = Math.floor(index / rows)
  for (let round = 0; round < ROUNDS; round++) {
    const size = (round & 1) === 0 ? rows : columns
    const moved = (left + (mixed(right, keys[round]!) % size)) % size
    left = right
    right = moved
  }
  return right * rows + left
}

/** A hash of 32 bits: the finaliser of MurmurHash3 (Appleby), twice, so that key and value meet in every bit. */
function mixed(value: number, key: number): number {
  return finalised(finalised(value ^ key) + key)
}

function finalised(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function outOfRange(index: number, length: number): Error {
  return userError('rows.range', `place ${index} of an order of ${length}; expected a whole number from 0`, { index })
}
