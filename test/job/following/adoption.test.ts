import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { AccountProofs } from '../../../runtime/job/following/index.ts'
import { askJournal } from '../../../runtime/job/following/journal-requests.ts'
import { adoptedEpoch, adoptionCodec, PROTOCOLS } from '../../../runtime/protocol/index.ts'
import { codeOf } from '../../log/scratch.ts'
import { stateOf } from '../../support/job-cluster.ts'
import {
  acceptances,
  doubled,
  type JobNode,
  restartedJobs,
  resultOf,
  submit,
  withJobs,
} from '../../support/virtual-jobs.ts'
import { VirtualSwarm } from '../../support/virtual-swarm.ts'

const owner = new VirtualSwarm().key()

/** A submitter and an heir of one account, a stranger's node, and two workers; all see each other. */
async function family() {
  const swarm = new VirtualSwarm()
  const nodes: JobNode[] = []
  for (const name of ['submitter', 'heir', 'stranger', 'a', 'b']) {
    const bare = await swarm.node(name)
    if (name === 'submitter' || name === 'heir') swarm.bind(owner, bare)
    const node = await withJobs(swarm, bare)
    if (name !== 'a' && name !== 'b') node.devices = []
    nodes.push(node)
  }
  for (const node of nodes) await node.startJobs()
  await swarm.until(() => nodes.every((node) => node.swarm.members().length === nodes.length - 1), 10_000)
  const [s, heir, stranger, a, b] = nodes as [JobNode, JobNode, JobNode, JobNode, JobNode]
  return { swarm, s, heir, stranger, a, b }
}

const followed = (node: JobNode, job: string) => node.following.followed.get(job)
const adopt = (swarm: VirtualSwarm, node: JobNode, job: string, force = true) =>
  swarm.outcome(node.following.adopter.adopt(job, { outputDir: '/adopted', force }))

/** The same node after its process was killed; it takes its job up again. */
async function backAgain(swarm: VirtualSwarm, old: JobNode, job: string): Promise<JobNode> {
  const back = await withJobs(swarm, await swarm.restarted(old), old.kept)
  await back.startJobs([job])
  return back
}

test('a node of the account copies the journal, group by group; others get nothing', async () => {
  const { swarm, s, heir, stranger } = await family()
  const { job } = await submit(s, { rows: 8, rowsPerShard: 1 })
  await swarm.until(() => stateOf(s, job) === 'done', 60_000)
  await swarm.until(() => followed(heir, job)?.ended === true, 2_000, 'the end in the copy')
  const copy = followed(heir, job)!
  assert.equal([copy.from, copy.parts, copy.rows, copy.spec?.job], [s.peer, 8, 8, job])
  const frames = (home: { groups: { frame: Uint8Array }[] }) =>
    home.groups.map(({ frame }) => Buffer.from(frame).toString('hex'))
  assert.equal(frames(heir.kept.followed.get(job)!), frames(s.kept.jobJournals.get(job)!))
  assert.equal(stranger.following.followed.all(), [])
  await swarm.stop()
})

test('an heir adopts the job of a killed submitter; the result is the undisturbed one, little is computed twice', async () => {
  const { swarm, s, heir, a, b } = await family()
  const { job } = await submit(s, { rows: 20, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 6, 30_000)
  s.die()
  await adopt(swarm, heir, job)
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  assert.equal(resultOf(heir, job), doubled(20))
  const runs = [...a.engine.runs, ...b.engine.runs]
  assert.is(new Set(runs).size, 20)
  assert.ok(runs.length <= 20 + 2, `${runs.length} computations of 20 shards: what was known was given again`)
  const { epoch, adoption } = heir.coordinator.status(job)!
  assert.ok(epoch >= adoptedEpoch(1, heir.peer))
  assert.equal([adoption?.from, adoption?.by], [s.peer, heir.peer])
  await swarm.stop()
})

test('an old coordinator that comes back is told by its adopter, stops, and writes nothing more', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 30, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  s.die()
  await adopt(swarm, heir, job)
  await swarm.pass(3_000)
  const back = await backAgain(swarm, s, job)
  await swarm.until(() => stateOf(back, job) === 'adopted', 20_000, 'the old coordinator stops')
  const written = back.kept.parts.length
  await swarm.pass(500)
  const entries = back.kept.jobJournals.get(job)!.groups.length
  const { error, adoption } = back.coordinator.status(job)!
  assert.is(error?.code, 'job.adopted')
  assert.match(error!.message, new RegExp(`adopted by ${heir.peer}`))
  assert.is(adoption?.by, heir.peer)
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  await swarm.pass(5_000)
  assert.equal([back.kept.parts.length, back.kept.jobJournals.get(job)!.groups.length], [written, entries])
  assert.equal(resultOf(heir, job), doubled(30))
  const again = await back.journals.open(job)
  assert.is((await again.load())?.ended?.state, 'adopted', 'and a restart of it does not go on')
  await swarm.stop()
})

test('an old coordinator that the adopter cannot reach learns of it from a worker that refuses its leases', async () => {
  const { swarm, s, heir, a, b } = await family()
  const { job } = await submit(s, { rows: 60, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  swarm.cut(s, heir)
  await adopt(swarm, heir, job)
  await swarm.until(() => stateOf(s, job) === 'adopted', 60_000, 'the old coordinator stops')
  assert.is(s.coordinator.status(job)?.adoption?.by, heir.peer)
  await swarm.until(() => stateOf(heir, job) === 'done', 200_000)
  assert.equal(resultOf(heir, job), doubled(60))
  for (const worker of [a, b]) assert.is(worker.worker.accountOf(job), s.owner!.account)
  await swarm.stop()
})

test('an old coordinator that comes back where its adopter is not is told by the workers it asks', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 30, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  s.die()
  await adopt(swarm, heir, job)
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  heir.die()
  const back = await backAgain(swarm, s, job)
  await swarm.until(() => stateOf(back, job) === 'adopted', 30_000, 'the old coordinator stops')
  assert.is(back.coordinator.status(job)?.adoption?.by, heir.peer)
  await swarm.stop()
})

test('a live coordinator hands over: its last entries come along, nothing is computed twice', async () => {
  const { swarm, s, heir, a, b } = await family()
  const { job } = await submit(s, { rows: 20, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  await adopt(swarm, heir, job)
  assert.is(stateOf(s, job), 'adopted')
  const parts = s.kept.parts.length
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  assert.equal(resultOf(heir, job), doubled(20))
  assert.is(s.kept.parts.length, parts)
  assert.ok([...a.engine.runs, ...b.engine.runs].length <= 22)
  assert.equal(
    acceptances(heir, job).filter((count) => count !== 1),
    [],
  )
  await swarm.stop()
})

test('a coordinator that is alive keeps its job unless it is taken by force; a silent one does not', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 30, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  const refusal = await adopt(swarm, heir, job, false).catch((error) => error)
  assert.is(refusal.code, 'adopt.coordinator-alive')
  assert.match(refusal.message, `by submitter (${s.peer})`)
  assert.match(refusal.message, '--force')
  assert.is(stateOf(s, job), 'running')
  s.die()
  await swarm.pass(limit('suspectAfterMs') + 1_000)
  await adopt(swarm, heir, job, false)
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  assert.equal(resultOf(heir, job), doubled(30))
  await swarm.stop()
})

test('a copy that is being made a journal of this node is not written by its follower', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 8, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 2, 30_000)
  const { head } = followed(heir, job)!
  const late = { job, ...head, seq: head.seq + 1 } // announced before the job was adopted, and heard after
  let meanwhile: unknown = 'not asked'
  await swarm.outcome(
    heir.following.followed.promote(job, async () => {
      meanwhile = await heir.following.followed.begin(s.peer, late)
    }),
  )
  assert.is(meanwhile, undefined)
  await swarm.stop()
})

test('what cannot be adopted is refused, and says what to do', async () => {
  const { swarm, s, heir, stranger } = await family()
  const { job } = await submit(s, { rows: 4, rowsPerShard: 1 })
  const failure = (node: JobNode) => codeOf(adopt(swarm, node, job))
  await swarm.until(() => followed(heir, job)?.spec !== undefined, 5_000)
  assert.is(await failure(s), 'adopt.here')
  assert.is(await failure(stranger), 'adopt.no-journal')
  await swarm.until(() => stateOf(s, job) === 'done', 60_000)
  await swarm.until(() => followed(heir, job)?.ended === true, 5_000)
  assert.is(await failure(heir), 'job.ended')
  await swarm.stop()
})

test('a job that has ended while nobody heard it is not adopted from a coordinator that is here', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 4, rowsPerShard: 1 })
  await swarm.until(() => followed(heir, job)?.spec !== undefined, 5_000)
  await s.coordinator.cancel(job, 'a test')
  assert.is(await codeOf(adopt(swarm, heir, job)), 'job.ended')
  assert.ok(followed(heir, job), 'the copy stays')
  await swarm.stop()
})

test('a job that had ended at a killed node before its heir could hear it keeps its end there, and names its adopter', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 8, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 2, 30_000)
  swarm.cut(s, heir)
  await swarm.until(() => stateOf(s, job) === 'done', 60_000)
  await swarm.pass(100) // its end is durable
  const { finishedWallMs } = s.coordinator.status(job)!
  s.die()
  swarm.heal(s, heir)
  await adopt(swarm, heir, job)
  await swarm.until(() => stateOf(heir, job) === 'done', 120_000)
  const back = await restartedJobs(swarm, s)
  const groups = () => back.kept.jobJournals.get(job)!.groups.length
  const before = groups()
  await back.startJobs()
  await swarm.until(() => groups() > before, 20_000, 'it is noted')
  await swarm.pass(12_000)
  assert.is(groups(), before + 1, 'once')
  const ended = (await (await back.journals.open(job)).load())?.ended
  assert.equal([ended?.state, ended?.atWallMs], ['done', finishedWallMs])
  assert.is(adoptionCodec.decode(ended!.adoption!.body).node, heir.peer)
  for (const node of [back, heir]) assert.equal(resultOf(node, job), doubled(8))
  await swarm.stop()
})

test('a node that knows nothing of a job that was adopted from it is not told without end', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 8, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 2, 30_000)
  s.die()
  await adopt(swarm, heir, job)
  s.kept.jobJournals.clear()
  const back = await restartedJobs(swarm, s)
  let asked = 0
  const { serve } = back.swarm
  back.swarm.serve = (protocol, handler) =>
    serve.call(back.swarm, protocol, (channel) => {
      if (protocol === PROTOCOLS.journal) asked++
      return handler(channel)
    })
  await back.startJobs()
  await swarm.until(() => asked >= 2, 20_000, 'it is told, and followed')
  await swarm.pass(20_000)
  assert.ok(asked <= 4, `asked ${asked} times`)
  await swarm.stop()
})

test('who asks again for a job that was given up is given the same, also after a restart of the node that gave it', async () => {
  const { swarm, s, heir } = await family()
  const { job } = await submit(s, { rows: 20, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 4, 30_000)
  const { head, spec } = followed(heir, job)!
  swarm.cut(s, heir)
  const before = s.kept.parts.length
  await swarm.until(() => s.kept.parts.length >= before + 2, 10_000, 'entries that the copy lacks')
  swarm.heal(s, heir)
  const proofs = new AccountProofs({
    clock: swarm.clock,
    cluster: s.cluster.charter.state.cluster,
    own: spec!.account,
    binding: heir.owner!.binding,
    memberAccount: () => undefined,
  })
  const terms = {
    job,
    account: spec!.account,
    node: heir.peer,
    from: s.peer,
    epoch: adoptedEpoch(1, heir.peer),
    atWallMs: 0,
  }
  const signed = proofs.signAdoption({ ...terms, seq: head.seq, hash: head.hash }, heir.key)
  const ask = async () => {
    const asking = { swarm: heir.swarm, clock: swarm.clock, proofs }
    const { body } = await swarm.outcome(askJournal(asking, s.peer, { type: 'adopt', adoption: signed }, 'adopted'))
    return Buffer.from(body).toString('hex')
  }
  await swarm.until(() => heir.swarm.members().some(({ peer }) => peer === s.peer), 60_000)
  const first = await ask()
  assert.ok(first.length > 0)
  assert.is(await ask(), first)
  const back = await restartedJobs(swarm, s)
  await back.startJobs()
  await swarm.until(() => heir.swarm.members().some(({ peer, state }) => peer === s.peer && state === 'alive'), 60_000)
  await swarm.pass(1_000)
  assert.is(await ask(), first)
  await swarm.stop()
})

test('of two nodes that adopt a job at once, without a word of each other, one goes on', async () => {
  const { swarm, s, heir, a, b } = await family()
  const bare = await swarm.node('other heir')
  swarm.bind(owner, bare)
  const other = await withJobs(swarm, bare)
  other.devices = []
  await other.startJobs()
  const { job } = await submit(s, { rows: 60, rowsPerShard: 1 })
  await swarm.until(() => [heir, other].every((node) => (followed(node, job)?.parts ?? 0) >= 4), 30_000)
  s.die()
  for (const [one, far] of [
    [heir, b],
    [other, a],
    [heir, other],
  ] as const)
    swarm.cut(one, far)
  await Promise.all([adopt(swarm, heir, job), adopt(swarm, other, job)])
  await swarm.pass(3_000)
  assert.equal([stateOf(heir, job), stateOf(other, job)], ['running', 'running'], 'each has a worker to itself')
  for (const [one, far] of [
    [heir, b],
    [other, a],
    [heir, other],
  ] as const)
    swarm.heal(one, far)
  const ends = () => [heir, other].map((node) => stateOf(node, job)).sort()
  await swarm.until(() => ends().join() === 'adopted,done', 200_000, 'one goes on, the other stops')
  const [winner, loser] = stateOf(heir, job) === 'done' ? [heir, other] : [other, heir]
  assert.equal(resultOf(winner, job), doubled(60))
  assert.is(loser.coordinator.status(job)?.adoption?.by, winner.peer, 'and says who goes on')
  assert.ok(winner.coordinator.status(job)!.epoch > loser.coordinator.status(job)!.epoch)
  await swarm.stop()
})

test('workers take leases from no other node than the adopter, whose account is proven', async () => {
  const { swarm, s, heir, stranger, a } = await family()
  const { job } = await submit(s, { rows: 30, rowsPerShard: 1 })
  await swarm.until(() => a.worker.accountOf(job) !== undefined, 5_000)
  const epoch = adoptedEpoch(1, stranger.peer)
  const proofs = new AccountProofs({
    clock: swarm.clock,
    cluster: s.cluster.charter.state.cluster,
    own: s.owner!.account,
    binding: heir.owner!.binding, // another node's
    memberAccount: () => undefined,
  })
  const claim = {
    job,
    account: s.owner!.account,
    node: stranger.peer,
    from: s.peer,
    epoch,
    seq: 1,
    hash: '0'.repeat(64),
  }
  const adoption = proofs.signAdoption({ ...claim, atWallMs: 0 }, stranger.key)
  await swarm.outcome(stranger.swarm.send(a.peer, { type: 'roll-call', jobs: [{ job, epoch, before: 0, adoption }] }))
  await swarm.pass(1_000)
  assert.ok(a.warnings.includes('adoption.account'), a.warnings.join(', '))
  await swarm.until(() => stateOf(s, job) === 'done', 120_000, 'the job goes on as if nothing had been said')
  assert.equal(resultOf(s, job), doubled(30))
  await swarm.stop()
})

test('a coordinator whose journal was put back stops, and names the follower that showed it', async () => {
  const { swarm, s, heir, a, b } = await family()
  for (const { engine } of [a, b]) engine.computeMs = 5_000
  const { job } = await submit(s, { rows: 40, rowsPerShard: 1 })
  await swarm.until(() => (followed(heir, job)?.parts ?? 0) >= 8, 60_000)
  s.die()
  const home = s.kept.jobJournals.get(job)!
  home.groups = home.groups.slice(0, 4)
  await swarm.pass(1_000)
  const back = await backAgain(swarm, s, job)
  await swarm.until(() => stateOf(back, job) === 'failed', 30_000, 'the coordinator refuses to go on')
  const { error } = back.coordinator.status(job)!
  assert.equal([error?.code, String(error?.facts.by).includes(heir.peer)], ['log.rolled-back', true])
  assert.match(error!.message, /aivida jobs adopt/)
  await adopt(swarm, heir, job)
  await swarm.until(() => stateOf(heir, job) === 'done', 200_000, 'what the error advises works')
  assert.equal(resultOf(heir, job), doubled(40))
  await swarm.stop()
})

test.run()
