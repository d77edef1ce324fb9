import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, silentLogger, systemClock } from '../../../runtime/base/index.ts'
import { stepSignatureOf } from '../../../runtime/compute/graph/index.ts'
import { layoutOf, sliceEnds } from '../../../runtime/compute/update/index.ts'
import { type BlobStore, memoryBlobStore, type OpenProvider, serveBlobs } from '../../../runtime/data/blob/index.ts'
import { encodeRows, memoryTable } from '../../../runtime/data/rows/index.ts'
import { readSafetensors } from '../../../runtime/data/tensor/safetensors.ts'
import type { Trained } from '../../../runtime/job/worker/index.ts'
import { EngineHost } from '../../../runtime/node/hosts/engine-host.ts'
import { TrainingHost } from '../../../runtime/node/hosts/training-host.ts'
import { ReduceHost } from '../../../runtime/node/rounds/reduce-host.ts'
import { RoundBlobs } from '../../../runtime/node/rounds/round-blobs.ts'
import { assertSnapshot } from '../../../runtime/node/rounds/snapshot-fault.ts'
import {
  type BlobRef,
  type Compression,
  type HeldUpdate,
  type Lease,
  lineageOf,
  type ReduceShard,
  type Replica,
  type ReplicaShard,
  type TrainShard,
} from '../../../runtime/protocol/index.ts'
import { channelPair } from '../../data/blob/channel-pair.ts'
import { refuses } from '../../data/refusal.ts'
import { fileOf, safetensorsOf } from '../../support/training-shard.ts'
import { linearEvaluation, linearRows, linearState, linearStep } from '../../support/training-step.ts'

const test = suite('hosts of training rounds')

const FEATURES = 5_000
const ROWS = 40
const JOB = 'job-aaaaaaaaaaaaaaaa'
const NEVER = new AbortController().signal
const Q2: Compression = { kind: 'q2' }

/** What the worker of a node consists of, as far as rounds go, and what it keeps. */
interface Node {
  readonly name: string
  stores: { readonly blobs: BlobStore; readonly inputs: BlobStore }
  host: ReturnType<typeof hostOf>
}

const nodes = new Map<string, Node>()
/** Names of the nodes that were asked for blobs. */
const asked: string[] = []

/** Peers of this test know each other by name, and serve each other whatever they have. */
function provider(name: string): OpenProvider {
  return async () => {
    asked.push(name)
    const { near, far } = channelPair({ near: 'asker', far: name })
    const { blobs, inputs } = nodes.get(name)!.stores
    const store = {
      open: (root: string, options?: object) => (inputs.has(root) ? inputs : blobs).open(root, options),
      arriving: () => undefined,
    }
    serveBlobs(far, store, { authorise: () => JOB }).catch(() => {})
    return near
  }
}

function hostOf(name: string, { blobs, inputs }: Node['stores']) {
  const shared = { clock: systemClock, blobs, provider, offended: () => {}, keptAs: 'owed' }
  const engines = new EngineHost({
    ...{ ...shared, logger: silentLogger, memoryBytes: 1 << 30, threads: 1, models: blobs },
    ...{ random: seededRandom(1), coWorkers: false },
  })
  const rounds = new RoundBlobs({ ...shared, logger: silentLogger, self: name, inputs })
  return {
    engines,
    rounds,
    training: new TrainingHost({ ...shared, engines, rounds }),
    reduction: new ReduceHost({ ...shared, engines, rounds }),
  }
}

async function node(name: string): Promise<Node> {
  const stores = {
    blobs: await memoryBlobStore({ clock: systemClock }),
    inputs: await memoryBlobStore({ clock: systemClock }),
  }
  const made = { name, stores, host: hostOf(name, stores) }
  nodes.set(name, made)
  return made
}

test.after(async () => {
  for (const { host } of nodes.values()) await host.engines.stop()
})

let leases = 0

async function train({ host }: Node, spec: TrainShard): Promise<Trained> {
  const lease = leaseOf(spec)
  await host.engines.fetchModel(lease, undefined, NEVER)
  await host.training.fetch(lease, spec, undefined, NEVER)
  return host.training.train(lease, spec, 0, { signal: NEVER, onSteps: () => {} })
}

async function reduce({ host }: Node, spec: ReduceShard): Promise<Trained> {
  const lease = leaseOf(spec)
  await host.reduction.fetch(lease, spec, undefined, NEVER)
  return host.reduction.reduce(lease, spec, 0, NEVER)
}

function leaseOf(spec: Lease['spec']): Lease {
  return { id: `lease-${leases++}`, job: JOB, device: 'cpu', providers: ['submitter'], spec } as unknown as Lease
}

/** A submitter's side of a training of linear regression by rounds, by hand. */
async function training() {
  const submitter = await node('submitter')
  const put = (bytes: Uint8Array) => submitter.stores.blobs.put([bytes])
  const graph = linearStep({ features: FEATURES })
  const { length, plain } = layoutOf(stepSignatureOf(graph))
  const ends = sliceEnds(length, plain, 2)
  const table = await submitter.stores.blobs.put(encodeRows(memoryTable(linearRows(ROWS, FEATURES))))
  const base = {
    ...({ kind: 'train', seed: 7, commitEvery: 100 } as const),
    learningRate: { kind: 'constant' as const, rate: 1e-4 },
    model: { graph: await put(graph), weights: [] },
    data: { table, firstRow: 0, rows: ROWS },
  }
  const state = await put(safetensorsOf(linearState(FEATURES)))
  const evaluation = {
    model: { graph: await put(linearEvaluation(FEATURES)), weights: [] },
    data: { table, firstRow: 0, rows: 8 },
    batchSize: 4,
  }
  /** Every round so far, and the state that each began with. */
  const rounds: HeldUpdate[][] = []
  const lineages = [state.blob]
  let residuals: (HeldUpdate | undefined)[] = ends.map(() => undefined)
  let snapshot: { readonly state: BlobRef; readonly round: number; readonly at: string } = { state, round: 0, at: '' }

  const replicaOf = (
    member: number,
    held: boolean,
    inner: BlobRef | undefined,
    over: Partial<Replica> = {},
  ): Replica => {
    const round = rounds.length
    const from = held ? Math.max(0, round - 1) : snapshot.round
    return {
      ...{
        round,
        mode: 'local',
        held,
        member,
        slices: ends,
        position: round * 4,
        stride: 2,
        compressed: Q2,
        compression: Q2,
      },
      lineage: lineages[from]!,
      at: snapshot.at === '' ? [] : [snapshot.at],
      updates: rounds.slice(from),
      batches: [{ from: round * 4 + member * 2, count: 2 }],
      outer: { rate: 0.7, momentum: 0.6 },
      ...(inner && { inner }),
      ...over,
    }
  }
  const shardOf = (replica: Replica, fromStep = rounds.length * 2): TrainShard => ({
    ...base,
    ...{ state: replica.held ? state : snapshot.state, fromStep, steps: 2, replica },
  })
  const reductionOf = (slice: number, given: readonly Trained[], names: readonly string[]): ReduceShard => ({
    ...{
      kind: 'reduce',
      round: rounds.length,
      slice,
      plain: 0,
      aggregation: { rule: 'mean' },
      compressed: Q2,
      compression: Q2,
    },
    length: ends[slice]! - (ends[slice - 1] ?? 0),
    contributions: given.map(({ updates }, member) => ({
      member,
      update: updates[slice]!,
      at: names[member]!,
      weight: 2,
    })),
    ...(residuals[slice] && { residual: residuals[slice] }),
  })
  const snapshotShard = (inner: BlobRef, member = 0): TrainShard => ({
    ...shardOf(replicaOf(member, true, inner, { batches: [] })),
    ...{ steps: 0, evaluation },
  })
  return {
    submitter,
    ends,
    replicaOf,
    shardOf,
    reductionOf,
    snapshotShard,
    close(aggregates: readonly { readonly at: string; readonly trained: Trained }[]): void {
      const round = aggregates.map(({ at, trained }) => ({ update: trained.updates[0]!, at }))
      residuals = aggregates.map(({ at, trained }) => trained.state && { update: trained.state, at })
      rounds.push(round)
      lineages.push(lineageOf(lineages.at(-1)!, round))
    },
    snapshotted(state: BlobRef, at: string, round = rounds.length): void {
      snapshot = { state, at, round }
    },
  }
}

/** One round of two members, a slice reduced by each. */
async function round(
  job: Awaited<ReturnType<typeof training>>,
  members: readonly Node[],
  inner: (BlobRef | undefined)[],
  held: boolean,
) {
  const given = await Promise.all(members.map((each, i) => train(each, job.shardOf(job.replicaOf(i, held, inner[i])))))
  assert.is(given[0]!.commitments[0], given[1]!.commitments[0], 'replicas begin equal')
  const names = members.map(({ name }) => name)
  const reduced = await Promise.all(members.map((each, slice) => reduce(each, job.reductionOf(slice, given, names))))
  job.close(reduced.map((trained, i) => ({ trained, at: names[i]! })))
  return { given, inner: given.map(({ state }) => state) }
}

test('two hosts train one model; a newcomer and a restarted host come to the same bits; nobody goes on from what it has not', async () => {
  const job = await training()
  const [anna, ben] = [await node('anna'), await node('ben')]
  const members = [anna, ben]
  let inner: (BlobRef | undefined)[] = [undefined, undefined]
  for (let i = 0; i < 2; i++) ({ inner } = await round(job, members, inner, i > 0))
  const loss = (made: Trained) => new Float32Array(made.metrics['validation.loss']!.data.slice().buffer)[0]!

  // A snapshot by one of them, while the other goes on from the same round.
  const taken = await train(anna, job.snapshotShard(inner[0]!))
  assert.equal(Object.keys(taken.metrics), ['step', 'validation.loss'])
  assert.equal(new BigInt64Array(taken.metrics.step!.data.slice().buffer), BigInt64Array.of(8n))
  assert.ok(loss(taken) > 0)
  const file = await anna.stores.blobs.readAll(taken.state!.blob)
  assert.equal(
    (await readSafetensors(fileOf(file))).map(({ name }) => name),
    ['w', 'v', 'outer/w'],
  )

  // Its submitter looks into it: what is no such state, or not the one that it says, is refused.
  const { blobs } = job.submitter.stores
  const judge = async (bytes: Uint8Array, commitment = taken.commitments[0]!) =>
    assertSnapshot(blobs, await blobs.put([bytes]), job.snapshotShard(inner[0]!) as ReplicaShard, commitment)
  await judge(file)
  const dataAt = 8 + Number(Buffer.from(file).readBigUInt64LE())
  const from = (at: number, value: number) => Uint8Array.from(file).fill(value, at)
  const unaligned = Buffer.concat([file.subarray(0, dataAt), Buffer.from(' '), file.subarray(dataAt)])
  unaligned.writeBigUInt64LE(BigInt(dataAt - 7))
  await judge(unaligned)
  await refuses('receipt.snapshot', judge(from(0, 7)))
  await refuses('receipt.snapshot', judge(from(dataAt, 0)))
  await refuses('receipt.snapshot', judge(from(file.byteLength - 4, 255)))
  await refuses('receipt.snapshot', judge(file.subarray(0, -4)))
  await refuses('receipt.snapshot', judge(safetensorsOf(linearState(FEATURES))))
  await refuses('receipt.snapshot', judge(file, 'f'.repeat(64)))
  const third = await round(job, members, inner, true)
  ;({ inner } = third)
  for (const { metrics } of third.given)
    assert.equal(Object.keys(metrics), ['step', 'member', 'learningRate', 'loss', 'norm'])

  // What a held replica gives, and one begun anew from the snapshot, the later rounds and the member's own inner state.
  const heldShard = job.shardOf(job.replicaOf(0, true, inner[0]))
  const byHeld = await train(anna, heldShard)
  assert.is.not(byHeld.updates[0]!.blob, third.given[0]!.updates[0]!.blob)
  job.snapshotted(taken.state!, 'anna', 2)
  await anna.host.rounds.saved()
  await anna.host.engines.stop()
  anna.stores = { ...anna.stores, inputs: await memoryBlobStore({ clock: systemClock }) } // with the process its memory
  anna.host = hostOf('anna', anna.stores)
  const lost = await refuses('replica.lost', train(anna, heldShard))
  assert.not.ok(lost.retryable)
  const byRestarted = await train(anna, job.shardOf(job.replicaOf(0, false, inner[0])))
  assert.equal(byRestarted.updates, byHeld.updates)
  assert.equal(byRestarted.state, byHeld.state)
  assert.equal(byRestarted.commitments, byHeld.commitments)

  // A dropped shard has never been: the same member goes on from an inner state that it had left behind.
  const again = await train(anna, job.shardOf(job.replicaOf(0, true, inner[0], { batches: [{ from: 3, count: 2 }] })))
  assert.is.not(again.updates[0]!.blob, byHeld.updates[0]!.blob)
  assert.equal((await train(anna, heldShard)).updates, byHeld.updates)

  // Steps that are called off leave the replica where it was.
  const calledOff = new AbortController()
  const many = job.shardOf(job.replicaOf(0, true, inner[0], { batches: [{ from: 0, count: 5_000 }] }))
  const offered = leaseOf({ ...many, steps: 5_000 })
  await anna.host.training.fetch(offered, offered.spec as TrainShard, undefined, NEVER)
  const run = { signal: calledOff.signal, onSteps: () => calledOff.abort() }
  await refuses('aborted', anna.host.training.train(offered, offered.spec as TrainShard, 0, run))
  assert.equal((await train(anna, heldShard)).updates, byHeld.updates)

  const newcomer = await node('cleo')
  asked.length = 0
  const byNewcomer = await train(newcomer, job.shardOf(job.replicaOf(2, false, undefined)))
  assert.is(byNewcomer.commitments[0], byHeld.commitments[0])
  assert.ok(asked.includes('anna') && asked.includes('ben'), 'it begins from what members have')
  // One that begins with the optimiser of the first state is brought that too: the shared state is that of all.
  const zero = await node('zoe')
  const first = await job.submitter.stores.blobs.put([safetensorsOf(linearState(FEATURES))])
  const byZero = await train(zero, job.shardOf(job.replicaOf(2, false, first), 0))
  assert.is(byZero.commitments[0], byHeld.commitments[0])
  assert.is.not(byZero.updates[0]!.blob, byNewcomer.updates[0]!.blob, 'its optimiser is another one')
  assert.not.ok(zero.stores.blobs.pinned(JOB).roots.includes(first.blob), 'it is kept no longer than the shard')
  await refuses('replica.lost', train(newcomer, job.shardOf(job.replicaOf(2, false, inner[0]))))
  await refuses('replica.lost', train(newcomer, job.shardOf(job.replicaOf(2, true, inner[0]))))
})

test('a contribution that is damaged, not to be had, or compressed as nobody knows is named', async () => {
  const job = await training()
  const [dora, emil] = [await node('dora'), await node('emil')]
  const names = ['dora', 'emil']
  const given = await Promise.all(
    [dora, emil].map((each, i) => train(each, job.shardOf(job.replicaOf(i, false, undefined)))),
  )
  const sound = job.reductionOf(0, given, names)
  const { contributions, slice, bytes } = (await reduce(dora, sound)).metrics
  assert.equal(
    [contributions, slice, bytes].map((each) => new BigInt64Array(each!.data.slice().buffer)[0]),
    [2n, 0n, BigInt(sound.contributions[1]!.update.sizeBytes)],
    'its own contribution travelled nowhere',
  )
  const garbage = await emil.stores.blobs.put([new Uint8Array(given[1]!.updates[0]!.sizeBytes).fill(255)])
  const [first, second] = sound.contributions as [ReduceShard['contributions'][0], ReduceShard['contributions'][0]]
  for (const update of [garbage, given[1]!.updates[1]!, { blob: 'f'.repeat(64), sizeBytes: 5 }]) {
    const failure = await refuses(
      'update.contribution',
      reduce(dora, { ...sound, contributions: [first, { ...second, update }] }),
    )
    assert.match(failure.message, /^member 1:/)
    assert.is(failure.facts.member, 1)
  }
  await refuses('compression.unknown', reduce(dora, { ...sound, compressed: { kind: 'zip' } }))
  await refuses('aggregation.trim', reduce(dora, { ...sound, aggregation: { rule: 'trimmed-mean', trim: 1 } }))
  const unknown = job.replicaOf(0, true, given[0]!.state, { compression: { kind: 'zip' } })
  await refuses('compression.unknown', train(dora, job.shardOf(unknown)))
  await refuses(
    'train.batches',
    train(emil, job.shardOf(job.replicaOf(1, true, given[1]!.state, { batches: [{ from: 0, count: 3 }] }))),
  )
})

test('what a round came to and cannot be read, or had, is told with who reduced it', async () => {
  const job = await training()
  const [fritz, gerda] = [await node('fritz'), await node('gerda')]
  const members = [fritz, gerda]
  const names = ['fritz', 'gerda']
  const given = await Promise.all(
    members.map((each, i) => train(each, job.shardOf(job.replicaOf(i, false, undefined)))),
  )
  const reduced = await Promise.all(members.map((each, slice) => reduce(each, job.reductionOf(slice, given, names))))
  const size = reduced[1]!.updates[0]!.sizeBytes
  job.close(reduced.map((trained, i) => ({ trained, at: names[i]! })))
  const [[first]] = job.replicaOf(0, false, undefined).updates as [[HeldUpdate]]
  const withSlice = (update: BlobRef) =>
    job.shardOf(job.replicaOf(0, false, given[0]!.state, { updates: [[first, { update, at: 'gerda' }]] }))
  for (const bytes of [new Uint8Array(size).fill(255), new Uint8Array(4)]) {
    const lie = await gerda.stores.blobs.put([bytes])
    const failure = await refuses('update.aggregate', train(fritz, withSlice(lie)))
    assert.match(failure.message, /^gerda reduced slice 1, 1 round back, to nothing that can be read: /)
    assert.not.ok(failure.retryable)
  }
  const nowhere = await refuses('update.aggregate', train(fritz, withSlice({ blob: 'e'.repeat(64), sizeBytes: 5 })))
  assert.match(nowhere.message, /^gerda does not give what it reduced: /)
})

test.run()
