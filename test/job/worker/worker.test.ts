import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { treeOfBytes } from '../../../runtime/data/blob/index.ts'
import { decodeTensors, encodeTensors, tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import {
  type BlobRef,
  type ControlMessageOf,
  grantCodec,
  inputsOf,
  type Lease,
  offerCodec,
  openReceipts,
  type Receipt,
  type ShardSpec,
  type Signer,
  shardId,
  signDocument,
} from '../../../runtime/protocol/index.ts'
import { accountOf, type JobNode, within, withJobs } from '../../support/virtual-jobs.ts'
import { cpu, type VirtualNode, VirtualSwarm } from '../../support/virtual-swarm.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'

/** A worker, and submitters whose every message the test writes. */
async function world(...names: string[]) {
  const swarm = new VirtualSwarm()
  const w = await withJobs(swarm, await swarm.node('w'))
  await w.startJobs()
  const graph = await w.kept.blobs.put([Buffer.from('double')]) // here already: nothing has to be fetched
  const submitters: VirtualNode[] = []
  for (const name of ['s', ...names]) {
    const node = await swarm.node(name)
    await node.start()
    submitters.push(node)
  }
  await swarm.until(() => swarm.nodes.every((node) => node.swarm.members().length === submitters.length), 10_000)
  await swarm.pass(1_000) // the control streams are open
  return { swarm, w, graph, submitters, s: submitters[0]!, heard: heardBy(submitters[0]!) }
}

/** What a worker says to a submitter, as it arrives. */
function heardBy({ swarm }: VirtualNode) {
  const heard = {
    accepted: [] as string[],
    declined: [] as string[],
    progress: [] as string[],
    failed: [] as ControlMessageOf<'failed'>['leases'],
    receipts: [] as Receipt[],
    outputs: new Map<string, number[]>(),
    held: [] as string[][],
  }
  swarm.on('accept', (_, { leases }) => heard.accepted.push(...leases))
  swarm.on('decline', (_, { leases }) =>
    heard.declined.push(...leases.map(({ lease, reason }) => `${lease} ${reason}`)),
  )
  swarm.on('progress', (_, { leases }) => heard.progress.push(...leases))
  swarm.on('held', (_, { leases }) => heard.held.push(leases.map(({ lease }) => lease)))
  swarm.on('failed', (_, { leases }) => heard.failed.push(...leases))
  swarm.on('receipts', (_, { batch, inline }, body) => {
    const { receipts } = openReceipts(batch)
    heard.receipts.push(...receipts)
    if (inline.length === 1 && receipts.length === 1) {
      const { y } = decodeTensors(body)
      heard.outputs.set(receipts[0]!.lease, [...(typedArrayOf(y!) as Float32Array)])
    }
  })
  return heard
}

interface Work {
  readonly spec: ShardSpec
  readonly bytes: Uint8Array
}

/** A shard that doubles these numbers. */
function shardOf(graph: BlobRef, ...numbers: number[]): Work {
  const bytes = new Uint8Array(
    Buffer.concat(encodeTensors({ x: tensorOf(Float32Array.from(numbers), [numbers.length, 1]) })),
  )
  const inputs = { blob: treeOfBytes(bytes).root, sizeBytes: bytes.byteLength }
  return { bytes, spec: { kind: 'infer', model: { graph, weights: [] }, inputs, rows: numbers.length, outputs: [] } }
}

const leaseOf = (s: VirtualNode, w: VirtualNode, { spec }: Work, id: string, over: Partial<Lease> = {}): Lease => ({
  id,
  job: JOB,
  epoch: 1,
  shard: shardId(spec),
  spec,
  account: accountOf(s),
  worker: w.peer,
  device: 'cpu0',
  durationMs: 60_000,
  requirements: {},
  policy: { mode: 'none' },
  providers: [s.peer],
  ...over,
})

interface OfferInit {
  readonly signer?: Signer
  readonly submitter?: string
  /** Bodies that go along. Default: none. */
  readonly inline?: readonly { readonly ref: BlobRef; readonly bytes: Uint8Array }[]
}

/** Sends an offer as it stands. */
function offer(
  s: VirtualNode,
  w: VirtualNode,
  leases: Lease[],
  { signer = s.key, submitter = s.peer, inline = [] }: OfferInit = {},
) {
  const grant = signDocument(
    grantCodec,
    { job: JOB, submitter: s.peer, blobs: [], audience: [w.peer], untilWallMs: 2 ** 50 },
    s.key,
  )
  return s.swarm.send(
    w.peer,
    {
      type: 'offer',
      offer: signDocument(offerCodec, { submitter, leases }, signer),
      grants: [grant],
      inline: inline.map(({ ref }) => ref),
    },
    inline.map(({ bytes }) => bytes),
  )
}

/** Offers shards with their inputs inline, as leases `<prefix>0`, `<prefix>1`, ... */
function offerAll(s: VirtualNode, w: VirtualNode, shards: Work[], prefix: string, over: Partial<Lease> = {}) {
  const leases = shards.map((shard, at) => leaseOf(s, w, shard, `${prefix}${at}`, over))
  return offer(s, w, leases, { inline: shards.map(({ spec, bytes }) => ({ ref: inputsOf(spec)!, bytes })) })
}

/** The worker's process killed and started anew over what it kept. */
async function restarted(swarm: VirtualSwarm, w: JobNode): Promise<JobNode> {
  w.worker.stop()
  const again = await withJobs(swarm, await swarm.restarted(w), w.kept)
  await again.startJobs()
  await swarm.pass(2_000)
  return again
}

test('takes an offer, computes, and answers with the outputs', async () => {
  const { swarm, w, s, graph, heard } = await world()
  await offerAll(s, w, [shardOf(graph, 1, 2, 3)], 'l')
  await swarm.pass(2_000)
  assert.equal(heard.accepted, ['l0'])
  const [receipt] = heard.receipts
  assert.equal(heard.outputs.get('l0'), [2, 4, 6])
  assert.equal(
    [receipt?.lease, receipt?.job, receipt?.epoch, receipt?.worker, receipt?.determinismClass, receipt?.computeMs],
    ['l0', JOB, 1, w.peer, 'class-a', 1_000],
  )
  await swarm.stop()
})

test('short shards are computed in one call; one that kills the engine fails, those beside it do not', async () => {
  const { swarm, w, s, graph, heard } = await world()
  w.engine.computeMs = 1
  await offerAll(s, w, [shardOf(graph, 1)], 'first') // tells how short they are
  await swarm.pass(100)
  const shards = [2, 3, 4, 5].map((number) => shardOf(graph, number))
  w.engine.deadly = (shard) => shard === shardId(shards[2]!.spec)
  await offerAll(s, w, shards, 'l')
  await swarm.pass(100)
  assert.equal(
    heard.receipts.map(({ lease }) => lease),
    ['first0', 'l0', 'l1', 'l3'],
  )
  assert.equal(
    heard.failed.map(({ lease, code }) => [lease, code]),
    [['l2', 'engine.died']],
  )
  assert.equal(w.engine.calls, [1, 1, 3, 1, 1, 1], 'one was ready first; three died together and went again, alone')
  await swarm.stop()
})

test('says that it gets on, three times a lease', async () => {
  const { swarm, w, s, graph, heard } = await world()
  w.engine.computeMs = 10_000
  await offerAll(s, w, [shardOf(graph, 1)], 'l', { durationMs: 6_000 })
  await swarm.pass(9_900)
  assert.equal(heard.progress, ['l0', 'l0', 'l0', 'l0'])
  await swarm.stop()
})

test('known work is answered without computing, after a restart too, but only to its account', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const shard = shardOf(graph, 1, 2)
  await offerAll(s, w, [shard], 'first')
  await swarm.pass(2_000)
  const again = await restarted(swarm, w)
  assert.equal([w.engine.runs.length, again.engine.runs.length], [1, 0])

  await offerAll(s, again, [shard], 'again', { job: 'job-bbbbbbbbbbbbbbbb' })
  await swarm.pass(100)
  assert.equal([heard.receipts.at(-1)?.lease, heard.receipts.at(-1)?.job], ['again0', 'job-bbbbbbbbbbbbbbbb'])
  assert.equal(heard.outputs.get('again0'), [2, 4])
  assert.is(again.engine.runs.length, 0)

  await offerAll(s, again, [shard], 'other', { account: accountOf(again) })
  await swarm.pass(2_000)
  assert.equal([heard.outputs.has('other0'), again.warnings], [false, ['lease.account']])

  again.devices = [{ ...cpu(), determinismClass: 'class-b' }]
  again.worker.setDevices(again.devices)
  await offerAll(s, again, [shard], 'class')
  await swarm.pass(2_000)
  assert.equal([heard.receipts.at(-1)?.determinismClass, again.engine.runs.length], ['class-b', 1])
  await swarm.stop()
})

test('large outputs of known work are answered while they are here, and computed again when they are not', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const shard = shardOf(graph, ...Array.from({ length: 10_000 }, (_, at) => at))
  await offer(s, w, [leaseOf(s, w, shard, 'first')], { inline: [{ ref: inputsOf(shard.spec)!, bytes: shard.bytes }] })
  await swarm.pass(2_000)
  const outputs = heard.receipts[0]!.outputs
  assert.ok(w.kept.blobs.has(outputs.blob))
  const again = await restarted(swarm, w)
  await offerAll(s, again, [shard], 'again')
  await swarm.pass(500)
  assert.equal([heard.receipts.length, again.engine.runs.length], [2, 0])
  assert.ok(again.worker.owes(s.peer, outputs.blob))

  await again.kept.blobs.unpin('owed')
  await again.kept.blobs.evict(Number.MAX_SAFE_INTEGER)
  await again.kept.blobs.put([Buffer.from('double')])
  await offerAll(s, again, [shard], 'gone')
  await swarm.pass(2_000)
  assert.equal([heard.receipts.length, again.engine.runs.length], [3, 1])
  assert.ok(again.kept.blobs.has(outputs.blob))
  await swarm.stop()
})

test('what is settled is dropped; what another says is settled is not', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  const shard = shardOf(graph, ...Array.from({ length: 10_000 }, (_, at) => at))
  await offerAll(s, w, [shard], 'l')
  await swarm.pass(2_000)
  const { blob } = heard.receipts[0]!.outputs
  await submitters[1]!.swarm.send(w.peer, { type: 'settled', leases: ['l0'] })
  await swarm.pass(100)
  assert.equal([w.worker.owes(s.peer, blob), w.worker.owes(submitters[1]!.peer, blob)], [true, false])
  await s.swarm.send(w.peer, { type: 'settled', leases: ['l0'] })
  await swarm.pass(100)
  assert.is(w.worker.owes(s.peer, blob), false)
  assert.equal(w.kept.blobs.pinned('owed').roots, [])
  await swarm.stop()
})

test('the fence of epochs holds over a restart', async () => {
  const { swarm, w, s, graph, heard } = await world()
  await offerAll(s, w, [shardOf(graph, 1)], 'new', { epoch: 5 })
  await swarm.pass(2_000)
  const again = await restarted(swarm, w)
  await offerAll(s, again, [shardOf(graph, 2)], 'old', { epoch: 4 })
  await swarm.pass(100)
  assert.equal(heard.declined, ['old0 epoch'])
  await swarm.stop()
})

test('cancelled work is killed in time and not reported; superseded work may end', async () => {
  const { swarm, w, s, graph, heard } = await world()
  w.devices = [cpu(2)]
  w.worker.setDevices(w.devices)
  w.engine.computeMs = 5_000
  await offerAll(s, w, [shardOf(graph, 1), shardOf(graph, 2), shardOf(graph, 3)], 'l')
  await swarm.pass(1_000)
  const cancelledMs = swarm.clock.monoMs()
  await s.swarm.send(w.peer, { type: 'cancel', leases: ['l0', 'l2'], reason: 'cancelled' })
  await s.swarm.send(w.peer, { type: 'cancel', leases: ['l1'], reason: 'superseded' })
  await swarm.pass(limit('cancelMs'))
  assert.is(w.engine.abortedMs.length, 1)
  assert.ok(w.engine.abortedMs[0]! - cancelledMs <= limit('cancelMs'))
  assert.equal(w.worker.load(), { running: 1, queued: 0 })
  await swarm.pass(10_000)
  assert.equal([heard.receipts.map(({ lease }) => lease), heard.failed], [['l1'], []])
  assert.is(w.engine.runs.length, 2, 'what was queued was never begun')
  await swarm.stop()
})

test('nobody cancels the leases of another', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  await offerAll(s, w, [shardOf(graph, 1)], 'l')
  await swarm.pass(100)
  await submitters[1]!.swarm.send(w.peer, { type: 'cancel', leases: ['l0'], reason: 'cancelled' })
  await swarm.pass(2_000)
  assert.is(heard.receipts.length, 1)
  await swarm.stop()
})

test('what a lost submitter had waiting here is dropped; what runs ends, and is told when it comes back', async () => {
  const { swarm, w, s, graph } = await world()
  w.engine.computeMs = 30_000
  await offerAll(s, w, [shardOf(graph, 1), shardOf(graph, 2)], 'l')
  await swarm.pass(1_000)
  swarm.network.kill(s.peer)
  await swarm.pass(5_000)
  assert.equal(w.worker.load(), { running: 1, queued: 1 })
  await swarm.pass(limit('lostAfterMs'))
  assert.equal([w.worker.load(), w.engine.abortedMs], [{ running: 1, queued: 0 }, []])
  await swarm.pass(20_000)
  assert.equal(w.worker.load(), { running: 0, queued: 0 })
  const again = await swarm.restarted(s)
  const heard = heardBy(again)
  await again.start()
  await swarm.pass(3_000)
  await again.swarm.send(w.peer, { type: 'roll-call', jobs: [{ job: JOB, epoch: 2, before: 0 }] })
  await swarm.pass(100)
  assert.equal([heard.receipts.map(({ lease, epoch }) => [lease, epoch]), heard.held], [[['l0', 1]], [[]]])
  await swarm.stop()
})

test('only its own account speaks for a job: another calls in vain, and fences nobody', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  const foreign = heardBy(submitters[1]!)
  await offerAll(s, w, [shardOf(graph, 1)], 'l')
  await swarm.pass(2_000)
  await submitters[1]!.swarm.send(w.peer, { type: 'roll-call', jobs: [{ job: JOB, epoch: 99, before: 0 }] })
  await swarm.pass(100)
  assert.equal([foreign.receipts, foreign.held], [[], [[]]])
  await offerAll(s, w, [shardOf(graph, 2)], 'm')
  await swarm.pass(2_000)
  assert.equal([heard.declined, heard.receipts.length], [[], 2])
  await swarm.stop()
})

test('a job belongs to its first coordinator from the moment a lease is accepted, before that is journalled', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  const thief = heardBy(submitters[1]!)
  w.engine.computeMs = 5_000
  await offerAll(s, w, [shardOf(graph, 1)], 'l')
  await submitters[1]!.swarm.send(w.peer, { type: 'roll-call', jobs: [{ job: JOB, epoch: 99, before: 0 }] })
  await swarm.pass(6_000)
  assert.equal([thief.receipts.length, heard.receipts.length, thief.held], [0, 1, [[]]])
  await swarm.stop()
})

test('nobody gives out leases under the names of another job', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  const squat = { job: 'job-bbbbbbbbbbbbbbbb', providers: [submitters[1]!.peer] }
  await offerAll(submitters[1]!, w, [shardOf(graph, 7)], `${JOB}.1.`, squat)
  await swarm.pass(2_000)
  await offerAll(s, w, [shardOf(graph, 1)], `${JOB}.1.`)
  await swarm.pass(2_000)
  assert.equal([w.warnings, heard.receipts.length], [['lease.name'], 1])
  await swarm.stop()
})

test('a submitter whose job another has claimed here is refused, and not blamed', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  await offerAll(submitters[1]!, w, [shardOf(graph, 7)], 'o', { epoch: 99, providers: [submitters[1]!.peer] })
  await swarm.pass(2_000)
  await offerAll(s, w, [shardOf(graph, 1)], 'l')
  await swarm.pass(2_000)
  assert.equal([heard.declined, w.warnings], [['l0 signature'], []])
  await swarm.stop()
})

test('the same work under two leases is done once, and both are answered', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const shard = shardOf(graph, 1, 2)
  await offerAll(s, w, [shard], 'old')
  await swarm.pass(500)
  await offerAll(s, w, [shard], 'new', { epoch: 2 })
  await swarm.pass(2_000)
  assert.equal([heard.receipts.map(({ lease }) => lease), w.engine.runs.length], [['old0', 'new0'], 1])
  await swarm.stop()
})

test('outputs that two submitters are owed stay until both have settled', async () => {
  const { swarm, w, s, submitters, graph } = await world('other')
  const other = submitters[1]!
  const shard = shardOf(graph, ...Array.from({ length: 10_000 }, (_, at) => at))
  await offerAll(s, w, [shard], 's')
  await offerAll(other, w, [shard], 'o', { job: 'job-bbbbbbbbbbbbbbbb', providers: [other.peer] })
  await swarm.pass(3_000)
  await s.swarm.send(w.peer, { type: 'settled', leases: ['s0'] })
  await swarm.pass(100)
  assert.is(w.kept.blobs.pinned('owed').roots.length, 1)
  await other.swarm.send(w.peer, { type: 'settled', leases: ['o0'] })
  await swarm.pass(100)
  assert.equal(w.kept.blobs.pinned('owed').roots, [])
  await swarm.stop()
})

test('draining takes nothing new, lets what runs end, and has it reported', async () => {
  const { swarm, w, s, graph, heard } = await world()
  await offerAll(s, w, [shardOf(graph, 1), shardOf(graph, 2)], 'l')
  await swarm.pass(500)
  const drained = w.worker.drain(within(swarm, limit('drainMs')))
  let isDrained = false
  void drained.then(() => {
    isDrained = true
  })
  await offerAll(s, w, [shardOf(graph, 3)], 'late')
  await swarm.pass(300)
  assert.equal([heard.declined, isDrained], [['late0 draining'], false])
  await swarm.pass(1_000)
  assert.ok(isDrained)
  assert.equal([heard.receipts.map(({ lease }) => lease), w.engine.runs.length], [['l0'], 1])
  await swarm.stop()
})

test('draining waits for outputs on their way to a slow disk', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const { blobs } = w.kept
  const put = blobs.put.bind(blobs)
  blobs.put = async (...args) => {
    await new Promise<void>((resolve) => void swarm.clock.after(3_000, resolve))
    return put(...args)
  }
  await offerAll(s, w, [shardOf(graph, ...Array.from({ length: 10_000 }, (_, at) => at))], 'l')
  await swarm.pass(500)
  await swarm.outcome(w.worker.drain(within(swarm, limit('drainMs'))))
  await swarm.pass(20)
  assert.equal(
    heard.receipts.map(({ lease }) => lease),
    ['l0'],
  )
  await swarm.stop()
})

test('draining ends with its time, whatever still runs', async () => {
  const { swarm, w, s, graph } = await world()
  w.engine.computeMs = 600_000
  await offerAll(s, w, [shardOf(graph, 1)], 'l')
  await swarm.pass(500)
  const startMs = swarm.clock.monoMs()
  await swarm.outcome(w.worker.drain(within(swarm, 2_000)))
  assert.ok(swarm.clock.monoMs() - startMs <= 2_100)
  w.worker.stop()
  await swarm.pass(0)
  assert.is(w.engine.abortedMs.length, 1)
  await swarm.stop()
})

test('a failure is reported with its cause, and the slot is free again', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const bytes = Uint8Array.of(1, 2, 3)
  const inputs = { blob: treeOfBytes(bytes).root, sizeBytes: 3 }
  const spec: ShardSpec = { kind: 'infer', model: { graph, weights: [] }, inputs, rows: 1, outputs: [] }
  await offerAll(s, w, [{ spec, bytes }, shardOf(graph, 1)], 'l')
  await swarm.pass(2_000)
  assert.equal(
    heard.failed.map(({ lease, code }) => `${lease} ${code.split('.')[0]}`),
    ['l0 tensor'],
  )
  assert.equal(
    heard.receipts.map(({ lease }) => lease),
    ['l1'],
  )
  await swarm.stop()
})

test('inputs that nobody serves are reported as a failure', async () => {
  const { swarm, w, s, graph, heard } = await world()
  await offer(s, w, [leaseOf(s, w, shardOf(graph, 1), 'l0')])
  await swarm.pass(60_000)
  assert.equal(
    heard.failed.map(({ lease, code, retryable }) => ({ lease, code, retryable })),
    [{ lease: 'l0', code: 'blob.no-provider', retryable: true }],
  )
  await swarm.stop()
})

test('an offer that is forged or does not fit itself is an offence as a whole, and leaves nothing behind', async () => {
  const { swarm, w, s, submitters, graph, heard } = await world('other')
  const other = submitters[1]!
  const [one, two] = [shardOf(graph, 1), shardOf(graph, 2)]
  const good = leaseOf(s, w, one, 'l0')
  const wrongShard = { ...leaseOf(s, w, two, 'l1'), shard: good.shard }
  const body = { ref: inputsOf(one.spec)!, bytes: one.bytes }
  const badOnes = (good: Lease): [Lease[], OfferInit][] => [
    [[good], { signer: other.key }],
    [[good], { submitter: other.peer }],
    [[good, wrongShard], {}],
    [
      [good, leaseOf(s, w, two, 'l1')],
      { inline: [{ ref: inputsOf(two.spec)!, bytes: new Uint8Array(two.bytes.byteLength) }] },
    ],
    [[good], { inline: [{ ref: { ...body.ref, sizeBytes: 1 }, bytes: one.bytes }] }],
  ]
  for (const [leases, init] of badOnes(good)) await offer(s, w, leases, init)
  await swarm.pass(3_000)
  assert.equal([heard.accepted, heard.receipts, w.engine.runs], [[], [], []])
  assert.equal(swarm.seenBy(w), ['other alive', 's alive'])
  await offer(s, w, [good], { inline: [body] })
  await swarm.pass(2_000)
  assert.equal(heard.outputs.get('l0'), [2], 'the inputs of the good offer count')

  const next = leaseOf(s, w, one, 'l9')
  for (let i = 0; i < 3; i++)
    for (const [leases, init] of badOnes(next)) await offer(s, w, leases, init).catch(() => {})
  await swarm.pass(500)
  assert.equal(swarm.seenBy(w), ['other alive'])
  await swarm.stop()
})

test('a lease that was taken and is over is not taken again, and one for another worker never', async () => {
  const { swarm, w, s, graph, heard } = await world()
  const shard = shardOf(graph, 1)
  const inline = { inline: [{ ref: inputsOf(shard.spec)!, bytes: shard.bytes }] }
  await offer(s, w, [leaseOf(s, w, shard, 'l0')], inline)
  await swarm.pass(2_000)
  assert.equal([heard.accepted.length, heard.receipts.length], [1, 1])
  await offer(s, w, [leaseOf(s, w, shard, 'l0')], inline)
  await offer(s, w, [{ ...leaseOf(s, w, shard, 'l1'), worker: s.peer }], inline)
  await swarm.pass(2_000)
  assert.equal([heard.accepted.length, heard.receipts.length], [1, 1])
  assert.equal(w.warnings, ['lease.replayed', 'lease.worker'])
  await swarm.stop()
})

test.run()
