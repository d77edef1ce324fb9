// timeout: 240 s
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, silentLogger, systemClock } from '../../runtime/base/index.ts'
import { LocalCluster, LocalNode } from '../../runtime/local-cluster/index.ts'
import { joinCluster } from '../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import type { NodeEvent, ResultPart, RoundOutcome } from '../../runtime/protocol/index.ts'
import { plainRounds } from '../support/plain-rounds.ts'
import { linearTraining, type TrainingRequest } from '../support/training-files.ts'

const test = suite('training by rounds over real nodes')

/** Batches of a round, of 3 members. */
const [STEPS, LOCAL] = [240, 10]
const OUTER = { rate: 0.7, momentum: 0.9 }
const PATIENT: Partial<NonNullable<TrainingRequest['rounds']>> = { deadline: { factor: 10, leastMs: 60_000 } }
const HASTY: Partial<NonNullable<TrainingRequest['rounds']>> = { deadline: { factor: 3, leastMs: 2_000 } }

let folder: string
let cluster: LocalCluster
let request: TrainingRequest
const joined: LocalNode[] = []

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-rounds-'))
  cluster = await LocalCluster.start({ workers: 3, dir: join(folder, 'cluster') })
  request = await linearTraining(join(folder, 'files'))
})
test.after(async () => {
  await Promise.all(joined.map((node) => node.stop()))
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Run {
  readonly name: string
  readonly rounds?: Partial<NonNullable<TrainingRequest['rounds']>>
  readonly steps?: number
  /** Told of each event in order, and waited for. */
  readonly on?: (event: NodeEvent) => Promise<void> | void
}

/** Runs a training to its end. */
async function run({ name, rounds, steps = STEPS, on }: Run) {
  const outputDir = join(folder, name)
  const job = await cluster.client.submit({
    ...request,
    ...{ steps, outputDir, learningRate: { kind: 'constant', rate: 0.02 } },
    rounds: {
      ...{ workers: { min: 3, max: 4 }, sync: 'diloco', balance: 'equal', snapshotEvery: 3 },
      recipe: { localSteps: LOCAL, up: { kind: 'f32' }, down: { kind: 'f32' }, outer: OUTER },
      ...rounds,
    },
  })
  for await (const event of job.events()) await on?.(event)
  const status = await job.status()
  assert.is(status.state, 'done', status.error?.message)
  const parts = await job.parts()
  assertAccount(parts, steps)
  return { job, status, parts, outcomes: outcomesOf(parts), last: await readFile(join(outputDir, 'last.safetensors')) }
}

/** What counts of each round, in order; one that was done again counts as it came out last. */
function outcomesOf(parts: readonly ResultPart[]): RoundOutcome[] {
  const last = new Map(parts.flatMap(({ round }) => (round ? [[round.round, round] as const] : [])))
  return [...last.values()].sort((a, b) => a.round - b.round)
}

/** Each batch counted once. */
function assertAccount(parts: readonly ResultPart[], steps: number): void {
  const batches = outcomesOf(parts).flatMap(({ counted }) =>
    counted.flatMap(({ batches }) =>
      batches.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i)),
    ),
  )
  assert.equal(
    batches.sort((a, b) => a - b),
    Array.from({ length: steps }, (_, i) => i),
    'the account of the samples',
  )
}

let alone: Awaited<ReturnType<typeof run>>

if (!process.env.ONLY)
  test('three workers come to what a plain loop comes to', async () => {
    alone = await run({ name: 'alone', rounds: PATIENT })
    assert.is(alone.outcomes.length, STEPS / 3 / LOCAL)
    for (const { counted, excluded } of alone.outcomes) assert.equal([counted.length, excluded], [3, []])
    const plain = plainRounds(alone.outcomes, { seed: request.seed!, rows: 1_800, rate: 0.02, outer: OUTER })
    const found = tensorOf(alone.last, 'w')
    for (const [i, value] of plain.entries()) assert.ok(Math.abs(found[i]! - value) < 1e-5, `${found} and ${plain}`)
    assert.ok(
      plain.every((value, i) => Math.abs(value - (i + 1)) < 0.5),
      `nothing is learnt: ${plain}`,
    )
    const table = await alone.job.result()
    assert.is(table.numRows, STEPS)
    assert.equal(new Set(table.getChild('member')!.toJSON().map(Number)).size, 3)
  })

if (!process.env.ONLY)
  test('its submitter is killed twice and goes on to the same bytes', async () => {
    let kills = 0
    const leased = new Set<string>()
    const { outcomes, last, parts } = await run({
      name: 'submitter',
      rounds: PATIENT,
      async on(event) {
        if (event.type === 'shard' && event.phase === 'leased') leased.add(event.shard)
        const isMoment = kills === 0 ? event.type === 'part' && event.part.index === 1 : leased.size > 22
        if (kills === 2 || !isMoment) return
        kills++
        await cluster.submitter.kill('SIGKILL')
        await cluster.submitter.restart()
      },
    })
    assert.is(kills, 2)
    const membersOf = (all: readonly RoundOutcome[]) => all.map(({ counted }) => counted.map(({ shard }) => shard))
    assert.equal(membersOf(outcomes), membersOf(alone.outcomes))
    assert.is(sha256(last), sha256(alone.last))
    const hashes = (all: readonly ResultPart[]) => all.filter(({ round }) => round).map((part) => part.sha256)
    assert.equal(hashes(parts), hashes(alone.parts))
  })

test('a killed worker costs one deadline at most, a stopped one does no harm, joiners take part from the next round on', async () => {
  const [killed, stopped] = cluster.workers as [LocalNode, LocalNode]
  const [killedPeer, stoppedPeer] = await Promise.all(
    [killed, stopped].map(async ({ client }) => (await client.info()).peer),
  )
  const underWay: Promise<unknown>[] = []
  let [round, joiner] = [-1, '']
  /** Rounds in which it happened. */
  const at: { killed?: number; back?: number; stopped?: number; continued?: number } = {}
  const { outcomes } = await run({
    name: 'disturbed',
    rounds: { ...HASTY, recipe: { localSteps: 400, up: { kind: 'i8' }, down: { kind: 'i8' } } },
    steps: 60_000,
    async on(event) {
      if (event.type === 'part' && event.part.round) {
        round = event.part.round.round
        const { counted } = event.part.round
        if (at.killed !== undefined && at.back === undefined && round > at.killed) {
          at.back = round
          underWay.push(
            killed.restart(),
            join4th().then((peer) => {
              joiner = peer
            }),
          )
        }
        if (at.stopped === undefined && counted.some(({ peer }) => peer === joiner)) {
          at.stopped = round + 1
          await stopped.kill('SIGSTOP')
          underWay.push(
            delay(4_000).then(() => {
              at.continued = round
              return stopped.kill('SIGCONT')
            }),
          )
        }
      }
      if (event.type !== 'shard' || event.phase !== 'leased' || event.worker !== killedPeer) return
      if (round < 2 || at.killed !== undefined) return
      at.killed = round + 1
      await killed.kill('SIGKILL')
    },
  })
  await Promise.all(underWay)
  const told = JSON.stringify({ at, rounds: outcomes.map(({ counted }) => counted.length).join('') })
  const counts = (peer: string) =>
    outcomes.flatMap((each) => (each.counted.some((one) => one.peer === peer) ? each.round : []))
  const missed = (peer: string) => outcomes.filter(({ excluded }) => excluded.some((one) => one.peer === peer))
  const ofKilled = missed(killedPeer!).filter((each) => each.round <= at.back!)
  // None where the lease that it was killed at was one to reduce, or its contribution was faster than the signal.
  assert.ok(ofKilled.length <= 1, `${ofKilled.length} rounds waited for who was killed: ${told}`)
  assert.ok(
    missed(stoppedPeer!).length <= 1,
    `${missed(stoppedPeer!).length} rounds waited for who was stopped: ${told}`,
  )
  for (const { openedWallMs, closedWallMs } of [...ofKilled, ...missed(stoppedPeer!)])
    assert.ok(
      closedWallMs - openedWallMs < 2_000 + 4_000,
      `${closedWallMs - openedWallMs} ms, of which 2000 were given`,
    )
  for (const [peer, from] of [
    [killedPeer!, at.back!],
    [joiner, at.back!],
    [stoppedPeer!, at.continued!],
  ] as const)
    assert.ok(
      counts(peer).some((each) => each > from),
      `${peer} did not take part after round ${from}: ${told}`,
    )
})

/** A further worker comes; gives its peer id. */
async function join4th(): Promise<string> {
  const { ticket } = await cluster.submitter.client.invite({ uses: 1, expiresMs: 600_000, role: 'member' })
  const dataDir = join(folder, 'cluster', 'worker-4')
  await joinCluster({ folder: dataFolder(dataDir), clock: systemClock, logger: silentLogger }, ticket)
  const node = await LocalNode.start({ name: 'worker-4', dataDir, role: 'worker', slots: 1 })
  joined.push(node)
  return (await node.client.info()).peer
}

/** A tensor of a safetensors file, f32. */
function tensorOf(file: Uint8Array, name: string): Float32Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const head = Number(view.getBigUint64(0, true))
  const { data_offsets: offsets } = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + head)))[name]
  const bytes = file.slice(8 + head + offsets[0], 8 + head + offsets[1])
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

test.run()
