import { type Random, seededRandom } from '../../runtime/base/index.ts'

/**
 * A stream of chance of its own for each purpose, so that leaving one fault out of a plan does not change what
 * befalls another.
 */
export class Chance {
  readonly #random: Random

  constructor(seed: number, purpose: string) {
    this.#random = seededRandom(fnv(`${seed}/${purpose}`))
  }

  get random(): Random {
    return this.#random
  }

  /** Evenly from [min, max). */
  between(min: number, max: number): number {
    return min + (max - min) * this.#random.float()
  }

  /** A whole number from min to max, both included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1))
  }

  happens(probability: number): boolean {
    return this.#random.float() < probability
  }

  /** Small ones often, large ones seldom: exponential with this mean. */
  rarely(mean: number): number {
    return -mean * Math.log(1 - this.#random.float())
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.float() * list.length)]!
  }
}

/** FNV-1a, 32 bits. */
function fnv(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
