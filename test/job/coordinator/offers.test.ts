import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, silentLogger } from '../../../runtime/base/index.ts'
import type { CoordinatorPorts } from '../../../runtime/job/coordinator/index.ts'
import { Offers } from '../../../runtime/job/coordinator/offers.ts'
import {
  type ControlMessage,
  controlMessageCodec,
  grantCodec,
  type JobSpec,
  offerCodec,
  openDocument,
  type Receipt,
  type ShardSpec,
  shardId,
  signDocument,
  signReceipts,
} from '../../../runtime/protocol/index.ts'
import { namedBlob, PEER, reduceShard, replicaShard } from '../../support/round-shards.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { peerOf, sampleKey } from '../../swarm/identity/sample-keys.ts'

const JOB = 'job-0123456789abcdef'
const key = sampleKey(3)
const clock = new VirtualClock()

/** Offers, and what they said: whole messages. */
function bench() {
  const sent: ControlMessage[] = []
  const swarm = {
    self: peerOf(key),
    send: async (_: string, message: ControlMessage) => void sent.push(message),
  }
  const ports = {
    ...{ swarm, clock, signer: key, logger: silentLogger, readInput: async () => undefined },
    signGrant: (grant) => signDocument(grantCodec, grant, key),
  } as Pick<CoordinatorPorts, 'clock' | 'signer' | 'logger' | 'readInput' | 'signGrant'> as CoordinatorPorts
  const offers = new Offers(Object.assign(ports, { swarm }))
  const job = { ...{ job: JOB, account: `ac_${'1'.repeat(40)}`, request: { requirements: {} } } } as JobSpec
  let number = 0
  const send = async (peer: string, shard: ShardSpec) => {
    const lease = `${JOB}.1.${number++}`
    const order = { lease, job: JOB, shard: shardId(shard), device: 'cpu0', durationMs: 60_000 }
    await offers.send(peer, [{ order, job, epoch: 1, shard }])
    const message = sent.at(-1)
    if (message?.type !== 'offer') throw new Error('no offer')
    const [opened] = openDocument(offerCodec, message.offer).value.leases
    return { message, lease: opened! }
  }
  return { offers, send }
}

const OTHER = peerOf(sampleKey(4))
const sizeOf = (message: ControlMessage) => controlMessageCodec.encode(message).byteLength
const slices = [65_536, 131_072, 196_608, 262_144]
const held = (word: string, i: number) => ({ update: namedBlob(`${word} ${i}`, 20_000), at: PEER })
const train = replicaShard({
  slices,
  updates: [slices.map((_, i) => held('aggregate', i))],
  at: slices.map(() => PEER),
})
const reduce = reduceShard({
  length: 65_536,
  contributions: slices.map((_, i) => ({ member: i, ...held('contribution', i), weight: 32 })),
  residual: held('residual', 0),
})

test('leave to read goes with the first offer, and again to a worker that may have forgotten it', async () => {
  const { offers, send } = bench()
  const grants: number[] = []
  for (let i = 0; i < 2; i++) grants.push((await send(PEER, train)).message.grants.length)
  offers.introduce(PEER)
  for (let i = 0; i < 2; i++) grants.push((await send(PEER, train)).message.grants.length)
  assert.equal(grants, [1, 0, 1, 0])
  offers.forget(JOB)
  assert.is((await send(PEER, train)).message.grants.length, 1)
})

test('co-workers are named to whoever may need their models: not to a member of a round, after its first lease', async () => {
  const { send } = bench()
  const { replica: _, ...alone } = train
  await send(OTHER, train)
  const providers: number[] = []
  for (const shard of [train, train, reduce, alone]) providers.push((await send(PEER, shard)).lease.providers.length)
  assert.equal(providers, [2, 1, 1, 2])
})

/** All that is said about one shard between submitter and worker, but for the metrics themselves. Bytes. */
async function bytesOf(shard: ShardSpec, updates: number): Promise<number> {
  const { send } = bench()
  await send(PEER, shard)
  const { message, lease } = await send(PEER, shard)
  const receipt: Receipt = {
    ...{ lease: lease.id, job: JOB, epoch: 1, shard: lease.shard, worker: PEER, device: 'cpu0' },
    ...{ determinismClass: `cpu/${'c'.repeat(64)}`, outputs: namedBlob('metrics'), computeMs: 123.456 },
    ...{
      state: namedBlob('inner', 1 << 20),
      updates: slices.slice(0, updates).map((_, i) => namedBlob(`u${i}`, 20_000)),
    },
    commitments: [sha256(new Uint8Array([1])), sha256(new Uint8Array([2]))],
  }
  const leases = [lease.id]
  const inline = [receipt.outputs]
  return [
    message,
    { type: 'accept', leases },
    { type: 'receipts', batch: signReceipts([receipt], key), inline },
    { type: 'settled', leases },
  ].reduce((sum, each) => sum + sizeOf(each as ControlMessage), 0)
}

test('what is said of a round of four is small beside its updates', async () => {
  const [trained, reduced] = [await bytesOf(train, 4), await bytesOf(reduce, 1)]
  assert.ok(trained < 4_096, `${trained} bytes for a training shard`)
  assert.ok(reduced < 3_072, `${reduced} bytes for a slice that is reduced`)
})

test.run()
