import { invariant } from '../../../base/index.ts'
import { compressorOf } from '../../../compute/update/index.ts'
import type { Compression, RoundRecipe } from '../../../protocol/index.ts'
import { defaultRecipe, type ModelKind } from './default-recipe.ts'

/** What came and went in a round, and how long it took beyond the steps of the slowest member. */
export interface MeasuredExchange {
  /** One way through the line of the member that has most to carry: see {@link exchangedBytes}. */
  readonly bytes: number
  readonly ms: number
}

/** What some rounds on trial told. */
export interface MeasuredRounds {
  /** Of the slowest member. Milliseconds. */
  readonly stepMs: number
  /** Elements of the shared state. */
  readonly parameters: number
  readonly workers: number
  /** Steps that a member makes in all. */
  readonly steps: number
  /** One at least; two of different sizes tell what an exchange costs whatever its size. */
  readonly exchanges: readonly MeasuredExchange[]
  readonly kind: ModelKind
  /** Whether there is the step in two parts, without which nobody can exchange gradients. Default: `true`. */
  readonly inParts?: boolean
}

/** How replicas are kept together, and why so. */
export interface ChosenRecipe {
  readonly recipe: RoundRecipe
  /** One line, with the figures that it was chosen by. */
  readonly why: string
}

/** The share of a round that its exchange may take. */
const SMALL = 0.1
/** Above this share of it, rounds are longer than is best for the loss. */
const MOST = 0.35

const F32 = { kind: 'f32' }
const I8 = { kind: 'i8' }
const I4 = { kind: 'i4', block: 64 }
const Q2 = { kind: 'q2', block: 128 }

/**
 * What one round sends one way through the line of its busiest member: contributions first, aggregates after them. From 4
 * members up each of them reduces a slice, under that one of them reduces all (see `roundManifestSchema`).
 */
export function exchangedBytes(parameters: number, workers: number, compression: Compression): number {
  const carried = workers < 4 ? workers - 1 : (workers - 1) / workers
  return 2 * carried * compressorOf(compression).leastBytes(parameters)
}

/**
 * Chooses how replicas are kept together. Gradients where exchanging them costs a small share of a step, in full or as 8
 * bits; otherwise as many local steps that the exchange is a small share of them, within the bounds in which the loss does
 * not suffer much, at 4 bits where that is enough and else at 2. Pure.
 */
export function chooseRecipe(measured: MeasuredRounds): ChosenRecipe {
  const { stepMs, parameters, workers } = measured
  const costOf = exchangeCost(measured.exchanges)
  const msOf = (compression: Compression) => costOf(exchangedBytes(parameters, workers, compression))
  const shareOf = (compression: Compression, steps: number) =>
    msOf(compression) / Math.max(1e-9, msOf(compression) + steps * stepMs)
  const said = (compression: Compression) =>
    `${megabytes(exchangedBytes(parameters, workers, compression))} MB as ${compression.kind} in ${Math.round(msOf(compression))} ms`
  const begin = `a step takes ${milliseconds(stepMs)} ms on the slowest of ${workers}`
  for (const compression of measured.inParts === false ? [] : [F32, I8])
    if (shareOf(compression, 1) <= SMALL)
      return {
        recipe: recipeOf('gradient', 1, compression, 0),
        why: `gradients at every step: ${begin}, and exchanging ${said(compression)} is ${percent(shareOf(compression, 1))} of it`,
      }
  const { best, most, momentum } = boundsOf(measured)
  const enough = (compression: Compression) => {
    for (let steps = Math.min(4, most); steps <= most; steps++) if (shareOf(compression, steps) <= SMALL) return steps
    return undefined
  }
  const careful = Math.min(8, best)
  const fine = enough(I4)
  const isFine = fine !== undefined && fine <= careful
  const compression = isFine ? I4 : Q2
  const steps = isFine ? fine : Math.min(enough(Q2) ?? most, shareOf(Q2, best) > MOST ? most : best)
  return {
    recipe: recipeOf('local', steps, compression, momentum),
    why: `${steps} local steps between rounds: ${begin}, gradients would be ${said(I8)} at each, ${percent(shareOf(I8, 1))} of the time; now it is ${said(compression)}, ${percent(shareOf(compression, steps))}`,
  }
}

/**
 * Local steps that are good for the loss, and as many as it bears; measured with 2-bit updates (Fashion-MNIST with Adam, a
 * character model with Muon, 4 and 8 members).
 */
function boundsOf({ kind, workers, steps }: MeasuredRounds): { best: number; most: number; momentum: number } {
  const all = { kind, members: workers, batches: steps * workers }
  const { localSteps: best, outer } = defaultRecipe({ sync: 'diloco', recipe: {} }, all)
  return { best, most: Math.max(16, 2 * best), momentum: outer.momentum }
}

/** What an exchange of so many bytes costs, as a line through what was measured: the least squares of it. Milliseconds. */
function exchangeCost(exchanges: readonly MeasuredExchange[]): (bytes: number) => number {
  invariant(exchanges.length > 0, 'an exchange was measured')
  const mean = (of: (exchange: MeasuredExchange) => number) =>
    exchanges.reduce((sum, exchange) => sum + of(exchange), 0) / exchanges.length
  const [bytes, ms] = [mean((each) => each.bytes), mean((each) => each.ms)]
  const spread = mean((each) => (each.bytes - bytes) ** 2)
  const slope = spread === 0 ? 0 : mean((each) => (each.bytes - bytes) * (each.ms - ms)) / spread
  const least = Math.min(...exchanges.map((each) => each.ms))
  // One size alone says nothing of the rest: all of its time is taken for that of its bytes.
  if (spread === 0) return (asked) => (bytes === 0 ? ms : (ms * asked) / bytes)
  // Noise may slope the other way: then the size does not matter.
  const perByte = Math.max(0, slope)
  const fixed = Math.min(least, Math.max(0, ms - perByte * bytes))
  return (asked) => fixed + perByte * asked
}

function recipeOf(
  mode: RoundRecipe['mode'],
  localSteps: number,
  compression: Compression,
  momentum: number,
): RoundRecipe {
  return { mode, localSteps, up: compression, down: compression, outer: { rate: 1, momentum } }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toPrecision(2)
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toPrecision(2) : String(Math.round(ms))
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
