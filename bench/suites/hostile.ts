import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { Attacker, traitors } from '../../test/support/attacker/attackers.ts'
import { HonestWork, residentMiB } from '../../test/support/attacker/honest-work.ts'
import type { Target } from '../../test/support/attacker/knock.ts'
import { type Check, medianCheck, round, type Suite } from '../report.ts'

const ROWS = 1_600
const STATUS_EVERY_MS = 20

/** What members do at once in a round under attack, each until it is cut off. */
const BY_MEMBERS: readonly (readonly [attack: string, options: object])[] = [
  ['heartbeatFlood', { count: 20_000 }],
  ['cardFlood', { count: 20_000 }],
  ['manyStreams', { count: 10_000 }],
  ['grantlessRequests', { count: 5_000 }],
  ['slowMessages', { count: 12 }],
  ['forgeries', { what: 'update', count: 100 }],
  ['garbageUntilGated', {}],
]

/**
 * A node under attack against the same node in quiet, in turn: how long its operator waits for an answer, and how long
 * an honest job takes. The attackers' processes are as nice as can be: on a machine that they share with the node, it is
 * what they make the node do that is measured, and not what they do themselves.
 */
export const suite: Suite = async ({ full, say }) => {
  const rounds = full ? 7 : 3
  const cluster = await LocalCluster.start({ workers: 1 })
  const attacker = await Attacker.start({ niceness: 19 })
  try {
    const names = Array.from({ length: rounds * BY_MEMBERS.length }, (_, i) => `evil-${i}`)
    const members = await traitors(cluster, names)
    const work = await HonestWork.prepare(cluster)
    const info = await cluster.client.info()
    const target: Target = { peer: info.peer, addresses: info.addresses.filter((address) => address.includes('quic')) }
    await measure(cluster, work) // warm, and results are checked by every job
    const startMiB = residentMiB(cluster.submitter)
    const [quiet, attacked]: [Round[], Round[]] = [[], []]
    for (let i = 0; i < rounds; i++) {
      quiet.push(await measure(cluster, work))
      const attacks = BY_MEMBERS.map(([attack, options], at) =>
        attacker.attack(attack, target, { ...options, ...members[names[i * BY_MEMBERS.length + at]!]! }),
      )
      const clusterId = info.cluster.id
      attacks.push(
        attacker.attack('crowd', target, { cluster: clusterId, perSecond: 10, forMs: 4_000 }),
        attacker.attack('halfHandshakes', target, { count: 200, keepMs: 4_000 }),
      )
      attacked.push(await measure(cluster, work))
      const ended = await Promise.allSettled(attacks)
      const last = attacked.at(-1)!
      say(
        `round ${i + 1}: status p95 ${round(quiet.at(-1)!.statusP95Ms)} -> ${round(last.statusP95Ms)} ms, job ${Math.round(quiet.at(-1)!.jobMs)} -> ${Math.round(last.jobMs)} ms, ${ended.length} attacks`,
      )
    }
    const ratio = (of: (round: Round) => number) => attacked.map((round, i) => of(round) / of(quiet[i]!))
    const gated = (await cluster.client.peers()).filter(({ state }) => state === 'gated').length
    const checks: Check[] = [
      medianCheck(
        { name: 'status_p95_vs_quiet', unit: 'x', gate: '<= 5' },
        ratio(({ statusP95Ms }) => statusP95Ms),
      ),
      medianCheck(
        { name: 'honest_job_vs_quiet', unit: 'x', gate: '<= 2' },
        ratio(({ jobMs }) => jobMs),
      ),
      medianCheck(
        { name: 'loop_delay_p99', unit: 'ms' },
        attacked.map(({ loopDelayP99Ms }) => loopDelayP99Ms),
      ),
      medianCheck(
        { name: 'loop_delay_p99_quiet', unit: 'ms' },
        quiet.map(({ loopDelayP99Ms }) => loopDelayP99Ms),
      ),
      { name: 'rss_growth_mb', value: round(residentMiB(cluster.submitter) - startMiB), unit: 'MiB', goal: '<= 256' },
      { name: 'members_gated', value: gated, unit: `of ${names.length}` },
    ]
    return { checks, seed: 0, n: rounds }
  } finally {
    await attacker[Symbol.asyncDispose]()
    await cluster.stop()
  }
}

interface Round {
  readonly statusP95Ms: number
  readonly jobMs: number
  readonly loopDelayP99Ms: number
}

/** Runs an honest job, and asks for the status all the while. */
async function measure({ client }: LocalCluster, work: HonestWork): Promise<Round> {
  const samples: number[] = []
  const delays: number[] = []
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      const startMs = performance.now()
      const { load } = await client.info()
      samples.push(performance.now() - startMs)
      delays.push(load.loopDelayP99Ms)
      await new Promise((resolve) => setTimeout(resolve, STATUS_EVERY_MS))
    }
  })()
  const { ms } = await work.job(ROWS)
  isOver = true
  await asking
  samples.sort((a, b) => a - b)
  return {
    statusP95Ms: samples[Math.min(samples.length - 1, Math.floor(samples.length * 0.95))]!,
    jobMs: ms,
    loopDelayP99Ms: Math.max(...delays),
  }
}
