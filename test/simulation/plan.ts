import { Chance } from './chance.ts'
import type { LineQuality } from './sim-network.ts'

/** One thing that goes wrong, and when. Nodes are named by their index; node 0 founded the cluster. */
export type Fault = { readonly atMs: number } & (
  | {
      readonly kind: 'crash'
      readonly node: number
      readonly afterOps: number
      readonly downMs: number
      readonly power: boolean
    }
  | { readonly kind: 'stall'; readonly node: number; readonly forMs: number }
  | {
      readonly kind: 'cut'
      readonly from: number
      readonly to: number
      readonly bothWays: boolean
      readonly forMs: number
    }
  | { readonly kind: 'split'; readonly group: readonly number[]; readonly forMs: number }
  | { readonly kind: 'reset'; readonly a: number; readonly b: number; readonly apartMs: number }
  | { readonly kind: 'repeat'; readonly from: number; readonly to: number; readonly messages: number }
  | { readonly kind: 'full'; readonly node: number; readonly roomBytes: number; readonly forMs: number }
  | { readonly kind: 'slow'; readonly node: number; readonly factor: number; readonly forMs: number }
  | { readonly kind: 'jump'; readonly node: number; readonly byMs: number }
  | { readonly kind: 'leave'; readonly node: number }
)

/** A machine of the plan. */
export interface NodePlan {
  readonly slots: number
  /** How fast its oscillator runs. */
  readonly rate: number
  readonly skewMs: number
  /** When it is first started. */
  readonly startMs: number
  /** How long a shard takes it, ms: evenly from this range. */
  readonly computeMs: readonly [number, number]
  /** Share of the shards that its engine fails on: bad memory, a broken driver. */
  readonly failing: number
}

/** A job of the plan: `rows` rows of `width` numbers, to be doubled. */
export interface JobPlan {
  readonly submitter: number
  readonly atMs: number
  readonly rows: number
  readonly rowsPerShard: number
  readonly width: number
  /** Batches that share a file of the result. */
  readonly batchesPerPart: number
  /** It is a training by rounds of `rows` batches instead. */
  readonly rounds?: {
    readonly localSteps: number
    readonly snapshotEvery: number
    readonly late: 'return' | 'weigh'
    readonly elements: number
  }
}

/** All that a seed decides, as data: what happens otherwise follows from it. */
export interface Plan {
  readonly seed: number
  readonly nodes: readonly NodePlan[]
  readonly jobs: readonly JobPlan[]
  readonly quality: LineQuality
  readonly faults: readonly Fault[]
  /** From here on all is well: lines are whole, disks have room, whoever crashed runs. */
  readonly calmMs: number
  /** Everything that was acknowledged has to be done by then. */
  readonly endMs: number
}

/** What a seed plans. */
export function planOf(seed: number): Plan {
  const chance = new Chance(seed, 'plan')
  const count = nodeCount(seed, chance)
  const isLarge = count > 25
  const calmMs = isLarge ? 12_000 : 30_000
  const nodes = Array.from({ length: count }, (_, index) => nodePlan(index, chance))
  const computed = Array.from({ length: isLarge ? 1 : chance.whole(1, 3) }, () => jobPlan(count, isLarge, chance))
  const jobs = seed % 4 === 3 && !isLarge ? [...computed, trainingPlan(count, new Chance(seed, 'training'))] : computed
  const faults = Array.from({ length: chance.whole(1, isLarge ? 6 : 12) }, () => faultOf(count, calmMs, jobs, chance))
  return {
    seed,
    nodes,
    jobs,
    quality: {
      latencyMs: chance.pick([[0.2, 2] as const, [5, 40] as const, [20, 150] as const]),
      jitterMs: chance.pick([0.1, 3, 20]),
      loss: chance.pick([0, 0.005, 0.05]),
    },
    faults: faults.flat().sort((a, b) => a.atMs - b.atMs),
    calmMs,
    endMs: calmMs + 300_000 + 2 * workMs(nodes, jobs),
  }
}

/** How long the jobs take the machines that work, one job after the other, ms. */
function workMs(nodes: readonly NodePlan[], jobs: readonly JobPlan[]): number {
  const shards = jobs.reduce((sum, { rows, rowsPerShard }) => sum + Math.ceil(rows / rowsPerShard), 0)
  const perMs = nodes.reduce((sum, { slots, computeMs: [least, most], failing }) => {
    return failing === 0 ? sum + slots / ((least + most) / 2) : sum
  }, 0)
  return perMs > 0 ? shards / perMs : 0 // where none works, jobs fail, and soon
}

/** The plan with only these of its faults, by index: what a shorter trace of a failure is looked for with. */
export function withFaults(plan: Plan, kept: readonly number[]): Plan {
  return { ...plan, faults: plan.faults.filter((_, index) => kept.includes(index)) }
}

function nodeCount(seed: number, chance: Chance): number {
  if (seed % 100 === 99) return chance.whole(100, 200)
  if (seed % 50 === 24) return chance.whole(50, 70)
  const size = chance.random.float()
  if (size < 0.75) return chance.whole(2, 6)
  return size < 0.95 ? chance.whole(7, 10) : chance.whole(11, 20)
}

function nodePlan(index: number, chance: Chance): NodePlan {
  const fast = chance.pick([20, 200, 1_000])
  return {
    slots: chance.pick([1, 1, 2, 4]),
    rate: 1 + chance.pick([0, 0, 5e-5, -5e-5, 5e-3]),
    skewMs: chance.pick([0, 0, 50, -50, 90_000, -90_000, 3_600_000]),
    startMs: index === 0 ? 0 : chance.between(0, 2_000),
    computeMs: [fast, fast * chance.pick([1, 2, 8])],
    failing: chance.happens(0.05) ? 1 : 0,
  }
}

function jobPlan(nodes: number, isLarge: boolean, chance: Chance): JobPlan {
  const isLong = !isLarge && chance.happens(0.2) // more batches than may be on their way at once
  const isWide = !isLong && chance.happens(0.25) // inputs and outputs that travel as blobs
  return {
    submitter: chance.whole(0, Math.min(nodes, 4) - 1),
    atMs: chance.between(500, isLarge ? 3_000 : 8_000),
    rows: isLong ? chance.whole(260, 400) : chance.whole(1, isWide ? 24 : 120),
    rowsPerShard: isLong ? 1 : chance.whole(1, 4),
    batchesPerPart: chance.pick([1, 1, 1, 4]),
    width: isWide ? chance.pick([6_000, 40_000]) : 1,
  }
}

function trainingPlan(nodes: number, chance: Chance): JobPlan {
  return {
    submitter: chance.whole(0, Math.min(nodes, 4) - 1),
    atMs: chance.between(500, 8_000),
    rows: chance.whole(20, 200),
    ...{ rowsPerShard: 1, batchesPerPart: 1, width: 1 },
    rounds: {
      localSteps: chance.pick([1, 2, 4]),
      snapshotEvery: chance.pick([2, 5, 16]),
      late: chance.pick(['return', 'weigh']),
      elements: chance.pick([1_000, 20_000, 60_000]),
    },
  }
}

function faultOf(nodes: number, calmMs: number, jobs: readonly JobPlan[], chance: Chance): Fault[] {
  // Most faults strike while jobs run: the others only show what an idle cluster makes of them.
  const atMs = chance.happens(0.7)
    ? chance.pick(jobs).atMs + chance.between(100, 8_000)
    : chance.between(1_000, calmMs * 0.9)
  const anybody = () => chance.whole(0, nodes - 1)
  const victim = () => (chance.happens(0.4) ? chance.pick(jobs).submitter : anybody())
  const node = victim()
  const other = (node + chance.whole(1, nodes - 1)) % nodes
  const forMs = chance.pick([300, 3_000, 10_000, 20_000])
  const kind = chance.pick(KINDS)
  switch (kind) {
    case 'crash': {
      const downMs = chance.pick([50, 1_000, 5_000, 20_000])
      const afterOps = Math.floor(chance.rarely(20))
      const crash: Fault = { kind, atMs, node, afterOps, downMs, power: chance.happens(0.6) }
      if (chance.happens(0.5)) return [crash]
      const laterMs = atMs + downMs + chance.between(500, 5_000) // an old process, or a resend to whom it had not heard
      const repeats = [other, (other + 1) % nodes].filter((to) => to !== node)
      return [
        crash,
        ...repeats.map(
          (to): Fault => ({ kind: 'repeat', atMs: laterMs, from: node, to, messages: chance.whole(5, 40) }),
        ),
      ]
    }
    case 'stall':
      return [{ kind, atMs, node, forMs }]
    case 'cut':
      return [{ kind, atMs, from: node, to: other, bothWays: chance.happens(0.5), forMs }]
    case 'split': {
      const group = Array.from({ length: nodes }, (_, index) => index).filter(() => chance.happens(0.5))
      return [{ kind, atMs, group, forMs }]
    }
    case 'reset':
      return [{ kind, atMs, a: node, b: other, apartMs: chance.pick([0, 20, 1_000]) }]
    case 'repeat':
      return [{ kind, atMs, from: node, to: other, messages: chance.whole(1, 20) }]
    case 'full':
      return [{ kind, atMs, node, roomBytes: chance.pick([0, 100, 3_000]), forMs }]
    case 'slow':
      return [{ kind, atMs, node, factor: chance.pick([20, 200]), forMs }]
    case 'jump':
      return [{ kind, atMs, node, byMs: chance.pick([-86_400_000, -3_600_000, -1_000, 1_000, 3_600_000, 86_400_000]) }]
    case 'leave': // a submitter's own jobs would go with it
      return node < 4 ? [] : [{ kind, atMs, node }]
  }
}

const KINDS = [
  'crash',
  'crash',
  'crash',
  'stall',
  'cut',
  'cut',
  'split',
  'reset',
  'repeat',
  'repeat',
  'full',
  'slow',
  'jump',
  'leave',
] as const
