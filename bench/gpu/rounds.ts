import type { Processor } from './processors.ts'

/** Rounds of each processor, one after the other's; fewer where one unit of work is so long that it is a round. */
export const ROUNDS = 5
const LONG_ROUNDS = 2
/** A round takes about so long, and at least one unit of work. Seconds. */
const ROUND_S = 0.4

/** Units of a card's round: each round of steps ends with the hash of the state, which may take as long as some steps. */
const LEAST = 8

/** Does so many units of work, and says how long they took. Seconds. */
export type Work = (count: number) => Promise<number>

/** Units of work a second of each processor, a figure a round; everything is warmed up before. */
export async function interleaved(works: ReadonlyMap<Processor, Work>): Promise<ReadonlyMap<Processor, number[]>> {
  const counts = new Map<Processor, number>()
  for (const [processor, work] of works) {
    const first = await work(1) // kernels are chosen and compiled
    const second = first > 1 && !processor.card ? first : await work(1)
    counts.set(processor, Math.max(processor.card ? LEAST : 1, Math.round(ROUND_S / second)))
  }
  const rates = new Map([...works.keys()].map((processor) => [processor, [] as number[]]))
  for (let round = 0; round < ROUNDS; round++)
    for (const [processor, work] of works) {
      const count = counts.get(processor)!
      if (count === 1 && round >= LONG_ROUNDS) continue
      rates.get(processor)!.push(count / (await work(count)))
    }
  return rates
}
