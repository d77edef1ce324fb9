import { epochOrder } from '../../runtime/data/rows/index.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import type { OuterStep, RoundOutcome } from '../../runtime/protocol/index.ts'
import { linearRows, plainLinearStep } from './training-step.ts'

/** What a training of a `linearStep` by rounds is, beside what counted in its rounds. */
export interface PlainRounds {
  readonly seed: number
  /** That are learned from. */
  readonly rows: number
  readonly rate: number
  readonly outer: OuterStep
}

/** Samples of a batch, and features of each. */
const [BATCH, FEATURES] = [4, 3]

/**
 * DiLoCo (Douillard et al. 2023, algorithm 1) as a loop over plain numbers, no update compressed: the weights that the
 * rounds lead to, by who learned from which batches.
 */
export function plainRounds(rounds: readonly RoundOutcome[], { seed, rows, rate, outer }: PlainRounds): number[] {
  const { x, y } = linearRows(2_000, FEATURES)
  const [inputs, labels] = [typedArrayOf(x!) as Float32Array, typedArrayOf(y!) as Float32Array]
  const perPass = Math.floor(rows / BATCH)
  const weights = new Array<number>(FEATURES).fill(0)
  const momentum = new Array<number>(FEATURES).fill(0)
  const inner = new Map<string, number[]>()
  const batch = (number: number) => {
    const order = epochOrder({ length: rows, storedBytes: 16 * rows }, { seed, epoch: Math.floor(number / perPass) })
    return Array.from({ length: BATCH }, (_, i) => order.at((number % perPass) * BATCH + i))
  }
  for (const { counted } of rounds) {
    const all = counted.reduce((sum, { weight }) => sum + weight, 0)
    const mean = new Array<number>(FEATURES).fill(0)
    for (const { peer, weight, batches } of counted) {
      const state = { w: [...weights], v: inner.get(peer) ?? new Array<number>(FEATURES).fill(0) }
      for (const { from, count } of batches)
        for (let number = from; number < from + count; number++) {
          const places = batch(number)
          const samples = places.map((place) => [...inputs.subarray(place * FEATURES, (place + 1) * FEATURES)])
          plainLinearStep(
            state,
            samples,
            places.map((place) => labels[place]!),
            rate,
          )
        }
      inner.set(peer, state.v)
      for (const [i, value] of state.w.entries()) mean[i]! += ((weights[i]! - value) * weight) / all
    }
    for (const [i, change] of mean.entries()) {
      momentum[i] = outer.momentum * momentum[i]! + change
      weights[i]! -= outer.rate * (change + outer.momentum * momentum[i]!)
    }
  }
  return weights
}
