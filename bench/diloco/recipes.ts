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
      rounds: { localSteps: 16, compression: { kind: 'ec', step: 1.2 }, outer: { rate: 1, momentum: 0 } },
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
      rounds: { localSteps: 10, compression: { kind: 'ec', step: 1.2 }, outer: { rate: 1, momentum: 0.2 } },
    },
    synchronous: { ...LM8, optimizer: 'adam', rate: 0.004 },
  },
]

/**
 * More comparisons, for the curve of loss against bytes: by compressor and local steps. `mlp4_700x` and `lm4_500x` are those
 * that are to be near synchronous training at so many times fewer bytes, `mlp4_near` the one that are to be within a hundredth of it.
 */
export const CURVE: readonly Compared[] = [
  mlp4('mlp4_700x', 32, { kind: 'ec', step: 1.8 }),
  mlp4('mlp4_h32_ec2.6', 32, { kind: 'ec', step: 2.6 }),
  mlp4('mlp4_h16_ec1.8', 16, { kind: 'ec', step: 1.8 }),
  mlp4('mlp4_near', 8, { kind: 'ec', step: 1.5 }, 0.3),
  mlp4('mlp4_h32_i4', 32, { kind: 'i4' }),
  mlp4('mlp4_h32_s1', 32, { kind: 's1' }),
  mlp4('mlp4_h64_ec1.8', 64, { kind: 'ec', step: 1.8 }),
  lm4('lm4_h16_q2', 16, { kind: 'q2' }),
  lm4('lm4_500x', 16, { kind: 'ec', step: 2.2 }),
  lm4('lm4_h32_ec1.2', 32, { kind: 'ec', step: 1.2 }, 0.3),
  lm4('lm4_h8_ec2.9', 8, { kind: 'ec', step: 2.9 }),
  lm4('lm4_h4_ec2.6', 4, { kind: 'ec', step: 2.6 }),
]

/** Learning rates beside those above, one seed each: what both sides were tuned among. */
export const SEARCH: readonly Unseeded[] = [
  ...[0.001, 0.0014, 0.004].flatMap((rate) => FIXED.slice(0, 1).flatMap((each) => both(each, rate))),
  ...[0.015, 0.025].flatMap((rate) => FIXED.slice(1, 2).flatMap((each) => both(each, rate))),
  ...[0.002, 0.003, 0.006].map((rate) => ({ ...FIXED[2]!.synchronous, rate })),
]

function mlp4(name: string, localSteps: number, compression: Compression, momentum = 0.5): Compared {
  const { local, synchronous } = FIXED[0]!
  return { name, synchronous, local: { ...local, rounds: { localSteps, compression, outer: { rate: 1, momentum } } } }
}

function lm4(name: string, localSteps: number, compression: Compression, momentum = 0): Compared {
  const { local, synchronous } = FIXED[1]!
  return { name, synchronous, local: { ...local, rounds: { localSteps, compression, outer: { rate: 1, momentum } } } }
}

function both({ local, synchronous }: Compared, rate: number): Unseeded[] {
  return [
    { ...local, rate },
    { ...synchronous, rate },
  ]
}

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
