// timeout: 150 s
// mostly waits
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LocalCluster, type LocalNode } from '../../runtime/local-cluster/index.ts'
import type { ConductView, PeerView } from '../../runtime/protocol/index.ts'
import { Attacker, traitors } from '../support/attacker/attackers.ts'
import { HonestWork, residentMiB } from '../support/attacker/honest-work.ts'
import type { Target } from '../support/attacker/knock.ts'
import { aivida } from '../support/command.ts'

const test = suite('members that turn against their cluster')

const cluster = await LocalCluster.start({ workers: 1 })
const [worker] = cluster.workers
const names = [
  ...['frames', 'garbage', 'slow', 'grants', 'streams', 'beats', 'cards', 'card', 'update', 'receipts', 'offers'],
  ...['removed', 'other outputs', 'wrong chunk', 'never reads'],
] as const
const members = await traitors(cluster, names)
const work = await HonestWork.prepare(cluster)
await work.job() // once in quiet: the engine is warm
const honest = (await cluster.client.peers()).find(({ name }) => name === 'worker-1')!
const device = { ...honest.devices[0]!, determinismClass: 'evil', exact: false }
const startMiB = residentMiB(cluster.submitter)

/** Resident memory may grow by this while all of this goes on: half of what may be coming in at once (`inboundBytes`). */
const GROWTH_MIB = 256

async function targetOf({ client }: LocalNode): Promise<Target> {
  const { peer, addresses } = await client.info()
  return { peer, addresses: addresses.filter((address) => address.includes('quic')) }
}
const [target, workerTarget] = [await targetOf(cluster.submitter), await targetOf(worker!)]

/** It takes a while to be let go, so it begins before everything else. */
const attacker = await Attacker.start()
const hoarding = attacker.attack('evilWorker', target, {
  ...{ dataDir: members['never reads'].dataDir, betrayal: 'never reads' },
  ...{ device, forMs: 26_000 },
})
hoarding.catch(() => {})
await work.job() // in which it gets its lease

/** Attacks the submitter, or its worker, while honest jobs run; then both have to be well. */
async function attack(name: keyof typeof members, what: string, options: object = {}, at = target) {
  const told = await work.during(attacker.attack(what, at, { ...options, dataDir: members[name].dataDir }))
  const seenBy = at === target ? cluster.submitter : worker!
  const seen = await seenBy.client.peers()
  const growthMiB = residentMiB(cluster.submitter) - startMiB
  assert.ok(growthMiB < GROWTH_MIB, `the node's memory grew by ${growthMiB} MiB`)
  const view = seen.find(({ peer }) => peer === members[name].peer)
  return { told, view, conduct: view?.conduct }
}

/** What was held against a member, though it is gone by now. */
async function heldAgainst(name: keyof typeof members, node = cluster.submitter): Promise<ConductView | undefined> {
  return (await node.client.peers()).find(({ peer }) => peer === members[name].peer)?.conduct
}

function assertGated(view: PeerView | undefined, code: string | RegExp): void {
  assert.is(view?.state, 'gated')
  assert.ok((view?.conduct?.gatedUntilWallMs ?? 0) > Date.now())
  if (typeof code === 'string') assert.is(view?.conduct?.code, code)
  else assert.match(String(view?.conduct?.code), code)
}

test('broken frames on every protocol are refused, and named', async () => {
  const { told, conduct } = await attack('frames', 'brokenFrames')
  assert.equal([...new Set(Object.values(told))], ['stream.reset'], JSON.stringify(told))
  assert.is(conduct?.count, Object.keys(told).length)
  assert.match(String(conduct?.code), /^frame\./)
})

test('sixteen of them, and the member is out, and stays out when it calls again', async () => {
  const { told, view } = await attack('garbage', 'garbageUntilGated')
  assert.equal(told, { borne: 16, back: 'kept out' })
  assertGated(view, 'frame.magic')
  const { out } = await aivida(['peers', '--data-dir', cluster.submitter.dataDir])
  assert.match(out, new RegExp(`gated.*frame\\.magic x16, out for .*${members.garbage.peer}`))
})

test('messages that are begun and never ended are given up in time, whatever size they announce', async () => {
  const { told, conduct } = await attack('slow', 'slowMessages', { count: 12 })
  assert.is(told.ended, 6, 'of those that ask for blobs')
  assert.ok((told.longestMs as number) < 9_000, `${told.longestMs} ms`)
  assert.is(conduct?.code, 'frame.slow')
})

test('a message that is cut off, and thousands of requests without a grant', async () => {
  await attack('slow', 'truncated')
  assert.match(String((await heldAgainst('slow'))?.code), /^frame\./)
  const { told, view } = await attack('grants', 'grantlessRequests', { count: 5_000 })
  assert.ok((told.refused as number) < 1_000, `${told.refused}`)
  assertGated(view, 'grant.missing')
})

test('10,000 streams', async () => {
  const { told, view } = await attack('streams', 'manyStreams', { count: 10_000 })
  assert.ok(told.isOver, `${told.opened} were opened`)
  assertGated(view, 'peer.flood')
})

test('floods of heartbeats and cards', async () => {
  const beats = await attack('beats', 'heartbeatFlood', { count: 20_000 })
  assertGated(beats.view, 'peer.flood')
  const cards = await attack('cards', 'cardFlood', { count: 20_000 })
  assertGated(cards.view, 'peer.flood')
})

test('forged cards and charter updates', async () => {
  const card = await attack('card', 'forgeries', { what: 'card', count: 100 })
  assertGated(card.view, 'card.signer')
  const update = await attack('update', 'forgeries', { what: 'update', count: 100 })
  assertGated(update.view, /^charter\./)
})

test('results of leases that are not held', async () => {
  const { job } = await work.job(4_000)
  const { view } = await attack('receipts', 'strangeReceipts', { job, count: 100 })
  assertGated(view, 'receipt.not-leased')
})

test('leases that were done before, are of an old epoch, for another’s account, or another worker’s', async () => {
  const { view, conduct } = await attack('offers', 'strangeOffers', { device: device.id }, workerTarget)
  assert.is(view?.state, 'alive', 'so few are borne')
  assert.is(conduct?.code, 'lease.worker')
  assert.is(conduct?.count, 4)
})

for (const betrayal of ['other outputs', 'wrong chunk'] as const)
  test(`a worker that takes leases and sends ${betrayal}`, async () => {
    const { dataDir } = members[betrayal]
    const told = await work.during(attacker.attack('evilWorker', target, { dataDir, betrayal, device, forMs: 2_000 }))
    assert.ok((told.leases as number) > 0, 'it was trusted')
    assert.is((await heldAgainst(betrayal))?.code, 'blob.wrong-chunk')
  })

test('who asks for chunks and never reads them is let go', async () => {
  const told = await work.during(hoarding)
  assert.is(told.served, 1)
  assert.is((await heldAgainst('never reads'))?.code, 'peer.slow-reader')
})

test('a member that was removed is kept out by its id, and named when it calls', async () => {
  const { dataDir } = members.removed
  assert.equal(await attacker.attack('call', target, { dataDir }), { hello: 'welcome' })
  await cluster.client.remove(members.removed.peer, 'it turned')
  assert.equal(await work.during(attacker.attack('call', target, { dataDir })), { hello: 'kept out' })
})

test('after all of that, both nodes are well', async () => {
  const peers = await cluster.client.peers()
  assert.is(peers.find(({ name }) => name === 'worker-1')?.state, 'alive')
  assert.ok((await cluster.client.info()).accepting)
  assert.ok((await worker!.client.info()).accepting)
  await work.job()
})

test.after(async () => {
  await attacker[Symbol.asyncDispose]()
  await cluster.stop()
})
test.run()
