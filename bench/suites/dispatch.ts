import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { OneRowJobs } from '../dispatch/one-row-jobs.ts'
import { exponent, runCore } from '../dispatch/scheduler-core.ts'
import { type Peer, type PeerRates, peerRates } from '../peers/peer.ts'
import { type Check, median, medianCheck, round, type Skipped, type Suite } from '../report.ts'

const ROUNDS = 3
/** Shards of one measured job. */
const BATCHED_SHARDS = 8_000
const ONE_BY_ONE_SHARDS = 1_500

/**
 * What a shard costs beside its computation: the scheduler machine alone, then one-row shards of a graph of one node
 * through the daemon as it is, all at once and one in flight; against Ray and Dask where they are installed.
 */
export const suite: Suite = async ({ full, say }) => {
  const rounds = full ? 5 : ROUNDS
  const checks: Check[] = core(rounds)
  const skipped: Skipped[] = []
  say('measured the scheduler alone')
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  const cluster = await LocalCluster.start({ workers: 2 })
  try {
    const jobs = new OneRowJobs(cluster, folder)
    await jobs.run(1_000)
    say('every value of a first job is right; timing')
    const [batched, oneByOne]: [number[], number[]] = [[], []]
    for (let i = 0; i < rounds; i++) {
      batched.push(await jobs.run(BATCHED_SHARDS))
      oneByOne.push(await jobs.run(ONE_BY_ONE_SHARDS, { maxShardsInFlight: 1 }))
      say(`round ${i + 1}: ${Math.round(batched.at(-1)!)} shards/s, one in flight ${Math.round(oneByOne.at(-1)!)}`)
    }
    checks.push(
      medianCheck({ name: 'shards_per_s_batched', unit: 'shards/s', gate: '>= 1500', goal: '>= 5000' }, batched),
      medianCheck({ name: 'roundtrips_per_s', unit: 'shards/s', gate: '>= 300', goal: '>= 800' }, oneByOne),
    )
    for (const each of await peers(say)) {
      if ('reason' in each) skipped.push(each)
      else checks.push(...against(each, batched, oneByOne))
    }
  } finally {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { checks, skipped, seed: 0, n: rounds }
}

/** Each peer by itself, our own nodes idle beside it. */
async function peers(say: (line: string) => void): Promise<((PeerRates & { name: Peer }) | Skipped)[]> {
  const found = []
  for (const [name, tasks] of [
    ['ray', 5_000],
    ['dask', 2_000],
  ] as const) {
    const rates = await peerRates(name, { tasks, roundTrips: 300 })
    if ('reason' in rates) found.push({ name: `vs_${name}`, reason: rates.reason })
    else {
      found.push({ name, ...rates })
      say(`${name} ${rates.version}: ${Math.round(rates.async)} tasks/s, one by one ${Math.round(rates.sync)}`)
    }
  }
  return found
}

function against({ name, async, sync }: PeerRates & { name: Peer }, batched: number[], oneByOne: number[]): Check[] {
  const ratio = (kind: string, ours: readonly number[], theirs: number) =>
    medianCheck(
      { name: `vs_${name}_${kind}`, unit: 'x', goal: '>= 1' },
      ours.map((rate) => rate / theirs),
    )
  return [ratio('async', batched, async), ratio('sync', oneByOne, sync)]
}

function core(rounds: number): Check[] {
  const perShardUs = (workers: number, shards: number) =>
    median(Array.from({ length: rounds }, () => (runCore({ workers, shards }) / shards) * 1_000).sort((a, b) => a - b))
  runCore({ workers: 100, shards: 20_000 }) // compiled before it is timed
  const rates = Array.from({ length: rounds }, () => 100_000 / (runCore({ workers: 1_000, shards: 100_000 }) / 1_000))
  const byShards = [12_500, 25_000, 50_000, 100_000].map(
    (shards) => [shards, shards * perShardUs(1_000, shards)] as const,
  )
  const byWorkers = [125, 250, 500, 1_000].map((workers) => [workers, perShardUs(workers, 25_000)] as const)
  return [
    medianCheck({ name: 'core_assignments_per_s', unit: 'leases/s', gate: '>= 50000' }, rates),
    { name: 'core_exponent_shards', value: round(exponent(byShards)), unit: 'log t / log shards' },
    { name: 'core_exponent_workers', value: round(exponent(byWorkers)), unit: 'log t / log workers' },
  ]
}
