import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Clock, limit, silentLogger } from '../../../runtime/base/index.ts'
import { fetchBlob, memoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { encodeTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { AccountProofs } from '../../../runtime/job/following/index.ts'
import { providersOver } from '../../../runtime/node/blob-desk.ts'
import { JobArchive } from '../../../runtime/node/jobs/job-archive.ts'
import { RecordDesk } from '../../../runtime/node/record/index.ts'
import { parseJobReference, ShareDesk, SharedJobs, Shares } from '../../../runtime/node/sharing/index.ts'
import {
  accountIdOf,
  type JobStatus,
  type NodeEventBody,
  PROTOCOLS,
  type SharedReply,
  type SharedRequest,
  sharedReplyCodec,
  sharedRequestCodec,
} from '../../../runtime/protocol/index.ts'
import { bindingProofCodec } from '../../../runtime/swarm/identity/index.ts'
import { request } from '../../../runtime/swarm/wire/index.ts'
import { jobStatus } from '../../support/fake-node-service.ts'
import { stateOf } from '../../support/job-cluster.ts'
import { memoryDisk } from '../../support/memory-disk.ts'
import { type JobNode, submit, withJobs } from '../../support/virtual-jobs.ts'
import { type VirtualNode, VirtualSwarm } from '../../support/virtual-swarm.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'

const test = suite('jobs that other accounts read')
const folder = await mkdtemp(join(tmpdir(), 'aivida-sharing-'))

const clockOf = (clock: Clock): Clock => ({
  wallMs: () => clock.wallMs(),
  monoMs: () => clock.monoMs(),
  after: (delayMs, fn) => clock.after(delayMs, fn),
  turn: () => clock.turn(),
})

const proofsOf = (swarm: VirtualSwarm, node: VirtualNode) =>
  new AccountProofs({
    ...{ clock: swarm.clock, cluster: node.cluster.charter.state.cluster, own: node.owner?.account },
    ...(node.owner && { binding: node.owner.binding }),
    memberAccount: (peer) => node.swarm.accountOf(peer),
  })

/** The node's side of those who read its jobs. `disk` outlives its process; `late` is what its desk's clock is ahead. */
function shared(swarm: VirtualSwarm, node: JobNode, disk = memoryDisk()) {
  const { coordinator, journals, kept } = node
  const { clock } = swarm
  const archive = new JobArchive('/jobs', disk)
  const shares = new Shares({ coordinator, archive, journals, events: { publish: () => {} } })
  const late = { ms: 0 }
  const later: Clock = { ...clockOf(clock), monoMs: () => clock.monoMs() + late.ms }
  const records = new RecordDesk({ journals, blobs: kept.blobs })
  const desk = new ShareDesk({
    ...{
      swarm: node.swarm,
      clock: later,
      logger: silentLogger,
      proofs: proofsOf(swarm, node),
      shares,
      blobs: kept.blobs,
    },
    record: (status) => records.record(status),
  })
  node.readers.give = (peer, blob) => desk.gives(peer, blob)
  desk.start()
  return { archive, shares, disk, late }
}

/** An owner with a job, a reader and an outsider of accounts of their own, and a node without one. */
async function world() {
  const swarm = new VirtualSwarm()
  const bare: VirtualNode[] = []
  for (const name of ['owner', 'reader', 'outsider', 'nobody']) bare.push(await swarm.node(name))
  const [owned, reader, outsider, nobody] = bare as [VirtualNode, VirtualNode, VirtualNode, VirtualNode]
  for (const node of [owned, reader, outsider]) swarm.bind(swarm.key(), node)
  const owner = await withJobs(swarm, owned)
  const side = shared(swarm, owner)
  await owner.startJobs()
  for (const node of [reader, outsider, nobody]) {
    node.devices = []
    await node.start()
  }
  await swarm.until(() => bare.every((node) => node.swarm.members().length === 3), 10_000)
  const store = await memoryBlobStore({ clock: swarm.clock })
  const heard: NodeEventBody[] = []
  const readerDir = await mkdtemp(join(folder, 'reader-'))
  const reads = (node: VirtualNode) =>
    new SharedJobs({
      ...{ swarm: node.swarm, clock: swarm.clock, proofs: proofsOf(swarm, node), folder: readerDir, blobs: store },
      provider: providersOver(node.swarm),
      events: { publish: (event) => void heard.push(event) },
      here: () => node.swarm.members().flatMap(({ peer, state }) => (state === 'alive' ? [peer] : [])),
      nameOf: (peer) => swarm.nameOf(peer),
    })
  const account = reader.owner!.account
  const outputDir = await mkdtemp(join(folder, 'result-'))
  const { job } = await submit(owner, { rows: 3, rowsPerShard: 1, request: { outputDir } })
  const at = { job, node: owner.peer }
  const code = async (asking: Promise<unknown>) => (await codeOf(() => swarm.outcome(asking))) ?? 'none'
  /** What a reader of its own making says, and is answered. */
  const says = async (from: VirtualNode, asked: SharedRequest): Promise<SharedReply> => {
    const channel = await swarm.outcome(from.swarm.open(owner.peer, PROTOCOLS.sharing))
    return sharedReplyCodec.decode((await swarm.outcome(request(channel, sharedRequestCodec.encode(asked)))).header)
  }
  /** Its job has ended, as the service of its node notes it. */
  const end = async () => {
    await swarm.until(() => stateOf(owner, job) === 'done', 60_000)
    await side.archive.keep(owner.coordinator.status(job)!, owner.coordinator.parts(job)!)
  }
  return {
    heard,
    readerDir,
    store,
    swarm,
    owner,
    reader,
    outsider,
    nobody,
    side,
    reads,
    account,
    outputDir,
    job,
    at,
    code,
    says,
    end,
  }
}

test('a reference is an id, alone or with the node that has the job', () => {
  const [job, node] = ['job-0123456789abcdef', `12D3Koo${'W'.repeat(45)}`]
  assert.equal(parseJobReference(job), { job })
  assert.equal(parseJobReference(`${job}@${node}`), { job, node })
  for (const text of ['', 'job-1', `${job}@`, `${job}@here`, `${job}@${node}@${node}`, `@${node}`, '../../etc'])
    assert.is(parseJobReference(text), undefined, text)
})

test('a job is read by the nodes of the accounts that it is shared with, until it is so no longer', async () => {
  const w = await world()
  const { swarm, side, job, account, at } = w
  const reading = w.reads(w.reader)
  assert.is(await w.code(side.shares.set(job, w.owner.coordinator.status(job)!.account, true)), 'share.own')
  assert.is(await w.code(reading.status(at)), 'job.unknown')
  assert.is(await swarm.outcome(reading.status({ job })), undefined, 'nor found by its id alone')
  assert.equal((await swarm.outcome(side.shares.set(job, account, true)))?.sharedWith, [account])
  const running = (await swarm.outcome(reading.status(at)))!
  assert.equal([running.job, running.state, running.outputDir], [job, 'running', join(w.readerDir, job)])
  assert.equal(running.sharedBy, { node: w.owner.peer, name: 'owner' })
  assert.is(running.sharedWith, undefined, 'who else reads it is not told')
  await w.end()
  const record = (await swarm.outcome(w.reads(w.reader).record({ job })))! // found by its id
  assert.equal([record.job, record.state, record.parts.length], [job, 'done', 3])
  assert.not.match(JSON.stringify(record), new RegExp(folder), 'no folder of its machine')
  assert.equal(
    (await swarm.outcome(reading.list())).map((each) => each.job),
    [job],
  )
  assert.is((await swarm.outcome(side.shares.set(job, account, false)))?.sharedWith, undefined)
  assert.is(await w.code(reading.status({ job })), 'job.unknown')
  assert.equal(await swarm.outcome(reading.list()), [])
  await swarm.stop()
})

test('a job that was listed, and whose node is away since, is asked for there', async () => {
  const w = await world()
  const { swarm, side, job, account } = w
  await swarm.outcome(side.shares.set(job, account, true))
  const reading = w.reads(w.reader)
  await swarm.outcome(reading.list())
  w.owner.die()
  await swarm.until(() => w.reader.swarm.members().every(({ peer }) => peer !== w.owner.peer), 120_000)
  assert.is(await w.code(reading.fetch({ job }, 30_000)), 'share.node-away')
  await swarm.stop()
})

test('while a job goes on, its states are told where it is read; when it can be read no longer, clients ask again', async () => {
  const w = await world()
  const { swarm, side, job, account, at, heard } = w
  await swarm.outcome(side.shares.set(job, account, true))
  const reading = w.reads(w.reader)
  for (let i = 0; i < 3; i++) await swarm.outcome(reading.status(at)) // watched once
  await w.end()
  await swarm.pass(2 * limit('sharedWatchMs'))
  const states = heard.flatMap((event) => (event.type === 'job' ? [event.status.state] : [event.type]))
  assert.is(states.at(-1), 'done')
  assert.is(states.filter((state) => state === 'done').length, 1)
  const next = await submit(w.owner, { rows: 50, rowsPerShard: 1 })
  await swarm.outcome(side.shares.set(next.job, account, true))
  await swarm.outcome(reading.status({ job: next.job }))
  await swarm.outcome(side.shares.set(next.job, account, false))
  await swarm.pass(2 * limit('sharedWatchMs'))
  assert.is(heard.at(-1)?.type, 'gap')
  const { length } = heard
  await swarm.pass(2 * limit('sharedWatchMs'))
  assert.is(heard.length, length, 'it is asked for no more')
  await swarm.stop()
})

test('others are told what they are told of a job that does not exist', async () => {
  const w = await world()
  const { swarm, side, job, account, at } = w
  await swarm.outcome(side.shares.set(job, account, true))
  assert.is(await w.code(w.reads(w.outsider).status(at)), 'job.unknown')
  assert.is(await w.code(w.reads(w.nobody).status(at)), 'share.no-account')
  const unknown = 'job-0000000000000000'
  const stolen = bindingProofCodec.encode(w.reader.owner!.binding) // of another node: it shows nothing
  for (const type of ['status', 'record'] as const) {
    const told = (asked: string, reply: SharedReply) => JSON.stringify(reply).replaceAll(asked, 'JOB')
    const [one, other] = [
      told(job, await w.says(w.outsider, { type, job, binding: stolen })),
      told(unknown, await w.says(w.outsider, { type, job: unknown, binding: stolen })),
    ]
    assert.is(one, other)
    assert.match(one, /job\.unknown/)
  }
  assert.is((await w.says(w.nobody, { type: 'file', job, name: 'model.onnx' })).type, 'refused')
  assert.equal(await swarm.outcome(w.reads(w.outsider).list()), [])
  await swarm.stop()
})

test('a share outlives the process of its node, of a job that goes on and of one that has ended', async () => {
  const w = await world()
  const { swarm, side, job, account, at } = w
  await swarm.outcome(side.shares.set(job, account, true))
  w.owner.die()
  const back = await withJobs(swarm, await swarm.restarted(w.owner), w.owner.kept)
  const again = shared(swarm, back, side.disk)
  await back.startJobs([job])
  await swarm.until(() => stateOf(back, job) === 'done', 60_000)
  await again.archive.keep(back.coordinator.status(job)!, back.coordinator.parts(job)!)
  assert.is((await swarm.outcome(w.reads(w.reader).status(at)))?.state, 'done')
  const other = w.outsider.owner!.account
  await swarm.pass(5_000) // its journal is closed
  await swarm.outcome(again.shares.set(job, other, true))
  assert.equal((await swarm.outcome(back.journals.load(job)))?.sharedWith, [account, other])
  assert.is((await swarm.outcome(back.journals.load(job)))?.ended?.state, 'done')
  const archive = new JobArchive('/jobs', side.disk)
  assert.equal((await archive.load(job))?.status.sharedWith, [account, other])
  assert.is((await swarm.outcome(w.reads(w.outsider).status(at)))?.state, 'done')
  await swarm.stop()
})

test('a file is a blob for the reader that asked for it, while its account may read the job', async () => {
  const w = await world()
  const { swarm, side, job, account } = w
  const { clock } = swarm
  await swarm.outcome(side.shares.set(job, account, true))
  await w.end()
  const bytes = Buffer.from('a model')
  await writeFile(join(w.outputDir, 'model.onnx'), bytes)
  await writeFile(join(w.outputDir, 'part-1'), bytes)
  await writeFile(join(folder, 'secret'), bytes)
  const ask = (from: VirtualNode, name: string) =>
    w.says(from, { type: 'file', job, name, binding: bindingProofCodec.encode(from.owner!.binding) })
  for (const name of ['secret', 'part-9', 'ended.cbor'])
    assert.match(JSON.stringify(await ask(w.reader, name)), /share\.no-file/, name)
  const reply = await ask(w.reader, 'model.onnx')
  assert.is(reply.type, 'file')
  const { blob } = reply.type === 'file' ? reply.ref : { blob: '' }
  const fetchAs = async (node: VirtualNode) => {
    const store = await memoryBlobStore({ clock })
    return w.code(fetchBlob({ root: blob, providers: [providersOver(node.swarm)(w.owner.peer)], store, clock }))
  }
  assert.is(await fetchAs(w.outsider), 'grant.missing')
  assert.is(await fetchAs(w.reader), 'none')
  await swarm.outcome(side.shares.set(job, account, false))
  assert.is(await fetchAs(w.reader), 'grant.missing', 'it was told its name')
  await swarm.outcome(side.shares.set(job, account, true))
  assert.is(await fetchAs(w.reader), 'none')
  side.late.ms = limit('sharedBlobMs') + 1
  assert.is(await fetchAs(w.reader), 'grant.missing', 'too long ago')
  await swarm.stop()
})

test('a result comes whole, once, and checked; what was damaged comes again, what is not the recorded bytes is refused', async () => {
  const w = await world()
  const { swarm, side, job, account, readerDir, outputDir } = w
  await swarm.outcome(side.shares.set(job, account, true))
  await w.end()
  const model = new Uint8Array(2 * limit('chunkBytes') + 5).fill(7)
  await writeFile(join(outputDir, 'model.onnx'), model)
  const partOf = (row: number) => {
    const y = tensorOf(Float32Array.of(2 * (row + 1)), [1, 1])
    return Buffer.concat(encodeTensors({ y }))
  }
  for (const row of [0, 1, 2]) await writeFile(join(outputDir, `part-${row}`), partOf(row))
  const reading = w.reads(w.reader)
  const fetched = (await swarm.outcome(reading.fetch({ job }, 30_000)))!
  assert.equal([fetched.isWhole, fetched.files, fetched.folder], [true, { done: 4, total: 4 }, join(readerDir, job)])
  assert.equal(await readFile(join(fetched.folder, 'model.onnx')), Buffer.from(model))
  for (const row of [0, 1, 2]) assert.equal(await readFile(join(fetched.folder, `part-${row}`)), partOf(row))
  assert.is(w.store.usage(), 0, 'the files are all that is kept')
  const { mtimeMs } = await stat(join(fetched.folder, 'model.onnx'))
  await writeFile(join(fetched.folder, 'part-2'), Buffer.alloc(partOf(2).byteLength))
  const again = w.reads(w.reader) // as after a restart of its node
  const parts = (await swarm.outcome(again.parts({ job })))!
  assert.equal(
    parts.map(({ file }) => file),
    ['part-0', 'part-1', 'part-2'],
  )
  assert.equal(await readFile(join(fetched.folder, 'part-2')), partOf(2))
  assert.is((await stat(join(fetched.folder, 'model.onnx'))).mtimeMs, mtimeMs)
  await rm(fetched.folder, { recursive: true })
  await writeFile(join(outputDir, 'part-1'), Buffer.alloc(partOf(1).byteLength))
  assert.is(await w.code(again.fetch({ job }, 30_000)), 'share.changed')
  await swarm.stop()
})

test('no name of a file leads out of a folder', () => {
  for (const name of ['..', '.', '', 'a/b', '../a', 'a\\b', `a${'\0'}b`, 'x'.repeat(257)]) {
    const bytes = sharedRequestCodec.encode({ type: 'file', job: 'job-0000000000000000', name })
    assert.throws(() => sharedRequestCodec.decode(bytes), undefined, name)
  }
})

test('a reader that asks too fast waits; one that breaks the protocol is cut off; both cost nobody else', async () => {
  const w = await world()
  const { swarm, side, job, account, at } = w
  await swarm.outcome(side.shares.set(job, account, true))
  const reading = w.reads(w.reader)
  const ask = async (count: number) => {
    const beganMs = swarm.clock.monoMs()
    for (let asked = 0; asked < count; asked += 20)
      await swarm.outcome(Promise.all(Array.from({ length: 20 }, () => reading.status(at))))
    return swarm.clock.monoMs() - beganMs
  }
  const burst = limit('sharedAsksBurst')
  assert.ok((await ask(burst)) < 2_000)
  assert.ok((await ask(400)) > 2_500)
  const channel = await swarm.outcome(w.outsider.swarm.open(w.owner.peer, PROTOCOLS.sharing))
  assert.ok(await codeOf(() => swarm.outcome(request(channel, Buffer.from('nonsense')))))
  const huge = { type: 'status', job, binding: new Uint8Array(limit('documentBytes') + 1) } as const
  assert.throws(() => sharedRequestCodec.decode(sharedRequestCodec.encode(huge)))
  assert.is((await swarm.outcome(reading.status(at)))?.job, job)
  await swarm.stop()
})

test('a node that is away is named, and what to do', async () => {
  const w = await world()
  const { swarm, side, job, account, at } = w
  await swarm.outcome(side.shares.set(job, account, true))
  w.owner.die()
  await swarm.pass(limit('lostAfterMs') + 1_000)
  const error = await swarm.outcome(
    w
      .reads(w.reader)
      .status(at)
      .catch((error) => error),
    120_000,
  )
  assert.is(error.code, 'share.node-away')
  assert.match(error.message, new RegExp(`owner \\(${w.owner.peer}\\).*have it started`))
  await swarm.stop()
})

test('a job that was adopted is read where it goes on', async () => {
  const w = await world()
  const { swarm, job, reader, outsider, nobody } = w
  const adoption = { from: outsider.peer, by: nobody.peer, atWallMs: 1 }
  const answers = (node: VirtualNode, status: JobStatus) =>
    node.swarm.serve(PROTOCOLS.sharing, async (channel) => {
      await channel.receive()
      await channel.send(sharedReplyCodec.encode({ type: 'status', status }))
      await channel.end()
    })
  answers(outsider, jobStatus({ job, state: 'adopted', adoption }))
  answers(nobody, jobStatus({ job, state: 'running', adoption }))
  const reading = w.reads(reader)
  const found = await swarm.outcome(reading.status({ job, node: outsider.peer }))
  assert.equal([found?.state, found?.sharedBy?.node], ['running', nobody.peer])
  const other = 'job-0000000000000000'
  assert.is(
    await w.code(reading.status({ job: other, node: outsider.peer })),
    'share.protocol',
    'it tells of another job',
  )
  await swarm.stop()
})

test('as many accounts as there may be read a job; it is shared where it is coordinated', async () => {
  const w = await world()
  const { swarm, side, job } = w
  const accounts = Array.from({ length: limit('sharesPerJob') + 1 }, () => accountIdOf(swarm.key().publicKey))
  for (const account of accounts.slice(1)) await swarm.outcome(side.shares.set(job, account, true))
  assert.is(await w.code(side.shares.set(job, accounts[0]!, true)), 'share.too-many')
  assert.is(await swarm.outcome(side.shares.set('job-0000000000000000', w.account, true)), undefined)
  await swarm.stop()
})

test.after(() => rm(folder, { recursive: true, force: true }))
test.run()
