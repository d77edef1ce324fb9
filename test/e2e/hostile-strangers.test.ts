// timeout: 150 s
// mostly waits
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import { LocalCluster, LocalNode } from '../../runtime/local-cluster/index.ts'
import { Attacker } from '../support/attacker/attackers.ts'
import { HonestWork, residentMiB } from '../support/attacker/honest-work.ts'

const test = suite('strangers at the door')

const cluster = await LocalCluster.start({ workers: 1 })
const [first] = cluster.workers
let worker: LocalNode = first!
const work = await HonestWork.prepare(cluster)
await work.job() // once in quiet: the engine is warm
const info = await cluster.client.info()
const target = { peer: info.peer, addresses: info.addresses.filter((address) => address.includes('quic')) }
const attacker = await Attacker.start()
const startMiB = residentMiB(cluster.submitter)
/** Resident memory may grow by this while all of this goes on: half of what may be coming in at once (`inboundBytes`). */
const GROWTH_MIB = 256

/** Attacks while honest jobs run; what the attacker was told. */
async function attack(what: string, options: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const told = await work.during(attacker.attack(what, target, options))
  const growthMiB = residentMiB(cluster.submitter) - startMiB
  assert.ok(growthMiB < GROWTH_MIB, `the node's memory grew by ${growthMiB} MiB`)
  return told
}

/** What is held against strangers of this machine. */
const held = async () => (await cluster.client.info()).strangers.find(({ host }) => host === '127.0.0.1')

/** A member of the same address comes back from nothing, while all of this goes on; milliseconds until it is seen. */
async function comesBack(): Promise<number> {
  await worker.kill('SIGKILL')
  const { name, dataDir } = worker
  const startMs = performance.now()
  worker = await LocalNode.start({ name, dataDir, role: 'worker', slots: 1 })
  const { startedWallMs } = await worker.client.info()
  const deadline = startMs + 30_000
  for (;;) {
    const seen = (await cluster.client.peers()).find((peer) => peer.name === name)
    const sees = (await worker.client.peers()).find((peer) => peer.peer === target.peer)
    if (seen?.state === 'alive' && sees?.state === 'alive' && startedWallMs > 0) return performance.now() - startMs
    assert.ok(performance.now() < deadline, `the member did not get in: ${seen?.state}, ${sees?.state}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('without a ticket, of another cluster, older or newer: each is told why, and nothing else is open', async () => {
  const told = await attack('wrongHellos', { cluster: info.cluster.id })
  assert.equal(told, {
    'no ticket': 'membership.required',
    'wrong cluster': 'hello.other-cluster',
    'older version': 'hello.version',
    'newer version': 'hello.version',
    'garbage for a ticket': 'ticket.malformed',
    '/aivida/control/1': 'stream.reset',
    '/aivida/blob/1': 'stream.reset',
  })
  assert.ok((await held())!.count >= 7)
})

test('garbage, frames of another version, and sizes that no hello has', async () => {
  const before = (await held())?.count ?? 0
  const told = await attack('garbageHellos')
  assert.equal(Object.values(told), ['stream.reset', 'stream.reset', 'stream.reset', 'stream.reset'])
  const { code, count } = (await held())!
  assert.match(code, /^frame\./)
  assert.is(count - before, 4)
})

test('500 handshakes that never end: a member of the same address comes in meanwhile', async () => {
  await attacker.attack('halfHandshakes', target, { count: 500, keepMs: 12_000 })
  assert.ok((await comesBack()) < 30_000)
  await work.job()
})

test('many that connect and say nothing, or begin a hello and do not end it, are shown out', async () => {
  const startMs = performance.now()
  const told = await attack('slowStrangers', { count: 40 })
  assert.ok((told.connected as number) > 0)
  assert.ok((told.longestMs as number) < limit('strangerMs') + 8_000, `${told.longestMs} ms`)
  assert.ok(performance.now() - startMs < 60_000)
  assert.match((await held())!.code, /^(stranger\.silent|frame\.slow|timeout)/)
})

test('streams without number are reset, and the stranger is out', async () => {
  const told = await attack('manyStreams', { count: 2_000 })
  assert.ok((told['peer.not-connected'] as number) > 0, JSON.stringify(told))
})

test('a crowd of new keys from one address: strangers of it are kept out, members of it are not', async () => {
  const crowding = attacker.attack('crowd', target, { cluster: info.cluster.id, perSecond: 40, forMs: 8_000 })
  await comesBack()
  const told = await work.during(crowding)
  assert.is(told.welcome, 0)
  const { gatedUntilWallMs } = (await held())!
  assert.ok(gatedUntilWallMs! > Date.now(), 'the address is gated')
  assert.match((await cluster.client.info()).warnings.join(), /strangers from 127\.0\.0\.1 are kept out/)
})

test('after all of that, the node is well', async () => {
  assert.ok((await cluster.client.info()).accepting)
  await work.job()
})

test.after(async () => {
  await attacker[Symbol.asyncDispose]()
  await worker.stop()
  await cluster.stop()
})
test.run()
