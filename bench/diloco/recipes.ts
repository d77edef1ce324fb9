import type { Compression } from '../../runtime/protocol/index.ts'
import type { Recipe } from './recipe.ts'

/** Seeds of data and first weights: a figure is the median over them, its spread their extremes. */
export const SEEDS = [0, 1, 2] as const

type Unseeded = Omit<Recipe, 'seed'>

/** A recipe by rounds and what it is compared with: synchronous training on as many samples. */
export interface Compared {
  readonly name: string
  readonly local: Unseeded
  readonly synchronous: Unseeded
}

const MLP4 = { task: 'mlp', optimizer: 'adam', workers: 4, batch: 32, steps: 2_816 } as const
const LM4 = { task: 'lm', optimizer: 'muon', workers: 4, batch: 8, steps: 1_968 } as const
const LM8 = { task: 'lm', workers: 8, batch: 4, steps: 640 } as const

/** The recipes of the short form: learning rates of both sides are the best of `--full`'s search. */
export const FIXED: readonly Compared[] = [
  {
    name: 'mlp4',
    local: {
      ...MLP4,
      rate: 0.002,
      rounds: { localSteps: 32, compression: { kind: 'q2' }, outer: { rate: 1, momentum: 0.5 } },
    },
    synchronous: { ...MLP4, rate: 0.002 },
  },
  {
    name: 'lm4',
    local: {
      ...LM4,
      rate: 0.03,
      restRate: 0.004 / 0.03,
      rounds: { localSteps: 16, compression: { kind: 'q2' }, outer: { rate: 1, momentum: 0 } },
    },
    synchronous: { ...LM4, rate: 0.02, restRate: 0.2 },
  },
  {
    name: 'lm8',
    local: {
      ...LM8,
      optimizer: 'muon',
      rate: 0.04,
      restRate: 0.1,
      rounds: { localSteps: 8, compression: { kind: 'q2' }, outer: { rate: 1, momentum: 0.2 } },
    },
    synchronous: { ...LM8, optimizer: 'adam', rate: 0.004 },
  },
]

/** More comparisons, for the curve of loss against bytes: by compressor and local steps. */
export const CURVE: readonly Compared[] = []

/** Learning rates that were tried, one seed each; the best of either side are those above. */
export const SEARCH: readonly Unseeded[] = []

/** A recipe in a few words. */
export function describe({ task, optimizer, rate, workers, rounds }: Unseeded): string {
  const how = rounds
    ? `H ${rounds.localSteps}, ${compressionName(rounds.compression)} up, ${compressionName(rounds.down ?? rounds.compression)} down, mu ${rounds.outer.momentum}`
    : 'synchronous'
  return `${task}, ${workers} workers, ${optimizer} at ${rate}, ${how}`
}

/** A compression in a word or two. */
export function compressionName({ kind, step }: Compression): string {
  return step === undefined ? kind : `${kind} ${step}`
}
