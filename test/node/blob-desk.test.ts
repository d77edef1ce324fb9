import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../runtime/base/index.ts'
import { type BlobStore, fetchBlob, memoryBlobStore } from '../../runtime/data/blob/index.ts'
import { openBlobDesk, providersOver } from '../../runtime/node/blob-desk.ts'
import {
  type Grant,
  grantCodec,
  peerIdOf,
  type Signer,
  signDocument,
  signedCodec,
} from '../../runtime/protocol/index.ts'
import { type VirtualNode, VirtualSwarm } from '../support/virtual-swarm.ts'
import { codeOf } from '../swarm/identity/sample-keys.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'

/** A provider with a job's input and a worker's output, and two members that ask. */
async function world() {
  const swarm = new VirtualSwarm()
  const nodes: VirtualNode[] = []
  for (const name of ['provider', 'asker', 'other']) {
    const node = await swarm.node(name)
    await node.start()
    nodes.push(node)
  }
  await swarm.until(() => nodes.every((node) => node.swarm.members().length === 2), 10_000)
  const [provider, asker, other] = nodes as [VirtualNode, VirtualNode, VirtualNode]
  const { clock } = swarm
  const [memory, disk] = [await memoryBlobStore({ clock }), await memoryBlobStore({ clock })]
  const input = await memory.put([Buffer.from('input')])
  const output = await disk.put([new Uint8Array(3 << 20).fill(7)])
  const state = { running: true, sent: 0, owedTo: '', sharedFor: '', memberOf: '' }
  openBlobDesk({
    swarm: provider.swarm,
    clock,
    stores: [memory, disk],
    coordinator: {
      serves: (job) => job === JOB && state.running,
      sent: (job, sizeBytes) => {
        assert.is(job, JOB)
        state.sent += sizeBytes
      },
    },
    worker: {
      owes: (peer, blob) => peer === state.owedTo && blob === output.blob,
      givesMembers: (job, submitter, blob) => job === JOB && submitter === state.memberOf && blob === output.blob,
      shares: (job, submitter, blob) => job === JOB && submitter === state.sharedFor && blob === input.blob,
    },
    isMember: (peer) => provider.cluster.roster.member(peer) !== undefined,
  })
  const grantOf = (over: Partial<Grant> = {}, signer: Signer = provider.key) => {
    const untilWallMs = clock.wallMs() + 60_000
    const grant = { job: JOB, submitter: provider.peer, blobs: [], audience: [asker.peer], untilWallMs, ...over }
    return signedCodec.encode(signDocument(grantCodec, grant, signer))
  }
  /** The code of what a fetch throws, or the store that it filled. */
  const fetch = async (blob: string, grant?: Uint8Array, from = asker): Promise<string | BlobStore> => {
    const store = await memoryBlobStore({ clock })
    const providers = [providersOver(from.swarm)(provider.peer)]
    const fetching = fetchBlob({ root: blob, providers, store, clock, ...(grant && { grant }) })
    return (await codeOf(() => swarm.outcome(fetching))) ?? store
  }
  return { swarm, provider, asker, other, input, output, state, grantOf, fetch }
}

test('a grant opens the blobs of its job, small and large, and their bytes are counted', async () => {
  const { swarm, input, output, state, grantOf, fetch } = await world()
  for (const { blob } of [input, output]) {
    const store = await fetch(blob, grantOf())
    if (typeof store === 'string') throw new Error(store)
    assert.ok(store.has(blob))
  }
  assert.ok(state.sent >= input.sizeBytes + output.sizeBytes)
  const named = await fetch(input.blob, grantOf({ blobs: [input.blob] }))
  assert.is.not(typeof named, 'string')
  await swarm.stop()
})

test('without a grant that holds here and now nothing is served', async () => {
  const { swarm, provider, asker, other, input, output, state, grantOf, fetch } = await world()
  assert.is(await fetch(input.blob), 'grant.missing')
  assert.is(await fetch(input.blob, grantOf({ audience: [other.peer] })), 'grant.audience')
  assert.is(
    await fetch(input.blob, grantOf({ untilWallMs: swarm.clock.wallMs() - limit('clockSkewMs') })),
    'grant.expired',
  )
  assert.is(await fetch(input.blob, grantOf({ submitter: asker.peer }, asker.key)), 'grant.job', 'a job of its own')
  assert.is(await fetch(input.blob, grantOf({}, asker.key)), 'grant.issuer', 'signed by another')
  assert.is(await fetch(input.blob, grantOf({ submitter: asker.peer })), 'grant.issuer', 'in the name of another')
  assert.is(await fetch(input.blob, grantOf({ blobs: [output.blob] })), 'grant.blob')
  assert.is(await fetch(input.blob, grantOf({ job: 'job-bbbbbbbbbbbbbbbb' })), 'grant.job')
  const grant = grantOf()
  assert.is(await fetch(input.blob, grant, other), 'grant.audience', 'a grant that was passed on')
  state.running = false
  assert.is(await fetch(input.blob, grant), 'grant.job', 'its job has ended')
  assert.is(state.sent, 0)
  assert.is(provider.swarm.members().length, 2)
  await swarm.stop()
})

test('a worker passes on the models of its jobs, to whom their submitter has granted it', async () => {
  const { swarm, provider, asker, other, input, output, state, grantOf, fetch } = await world()
  const ofOther = (over: Partial<Grant> = {}, signer: Signer = other.key) =>
    grantOf({ submitter: other.peer, ...over }, signer)
  assert.is(await fetch(input.blob, ofOther()), 'grant.job', 'this node does not work for that job')
  state.sharedFor = other.peer
  assert.is.not(typeof (await fetch(input.blob, ofOther())), 'string')
  assert.is(await fetch(output.blob, ofOther()), 'grant.job', 'no model of that job')
  assert.is(await fetch(input.blob, ofOther({ job: 'job-bbbbbbbbbbbbbbbb' })), 'grant.job')
  assert.is(await fetch(input.blob, ofOther({ audience: [provider.peer] })), 'grant.audience')
  assert.is(
    await fetch(input.blob, ofOther({ untilWallMs: swarm.clock.wallMs() - limit('clockSkewMs') })),
    'grant.expired',
  )
  assert.is(await fetch(input.blob, ofOther({}, asker.key)), 'grant.issuer', 'signed by the asker itself')
  assert.is(state.sent, 0, 'it is no byte of a job of ours')
  const stranger = swarm.key()
  state.sharedFor = peerIdOf(stranger.publicKey)
  const foreign = ofOther({ submitter: state.sharedFor }, stranger)
  assert.is(await fetch(input.blob, foreign), 'grant.issuer', 'whose submitter is no member')
  await swarm.stop()
})

test('a worker gives members of a round what it made for them, whether or not it passes on models, and nobody else', async () => {
  const { swarm, other, input, output, state, grantOf, fetch } = await world()
  const ofOther = (over: Partial<Grant> = {}) => grantOf({ submitter: other.peer, ...over }, other.key)
  assert.is(await fetch(output.blob, ofOther()), 'grant.job')
  state.memberOf = other.peer
  assert.is.not(typeof (await fetch(output.blob, ofOther())), 'string')
  assert.is(await fetch(input.blob, ofOther()), 'grant.job', 'made for nobody')
  assert.is(await fetch(output.blob), 'grant.missing')
  assert.is(await fetch(output.blob, ofOther({ job: 'job-bbbbbbbbbbbbbbbb' })), 'grant.job')
  assert.is(await fetch(output.blob, ofOther({ audience: [other.peer] })), 'grant.audience', 'no member of it')
  assert.is(state.sent, 0)
  await swarm.stop()
})

test('a grant ends while time passes', async () => {
  const { swarm, input, grantOf, fetch } = await world()
  const grant = grantOf()
  assert.is.not(typeof (await fetch(input.blob, grant)), 'string')
  await swarm.pass(60_000)
  assert.is.not(typeof (await fetch(input.blob, grant)), 'string', 'our clock may be ahead')
  await swarm.pass(limit('clockSkewMs'))
  assert.is(await fetch(input.blob, grant), 'grant.expired')
  await swarm.stop()
})

test('a grant that is damaged, or no grant at all, ends the stream and not the node', async () => {
  const { swarm, input, grantOf, fetch } = await world()
  const damaged = grantOf()
  damaged[damaged.length - 1]! ^= 1
  for (const bytes of [Uint8Array.of(1, 2, 3), new Uint8Array(), damaged])
    assert.is(await fetch(input.blob, bytes), 'blob.no-provider')
  assert.is.not(typeof (await fetch(input.blob, grantOf())), 'string')
  await swarm.stop()
})

test('outputs go to whom they are owed, without a grant, and to nobody else', async () => {
  const { swarm, asker, other, input, output, state, fetch } = await world()
  state.owedTo = asker.peer
  assert.is.not(typeof (await fetch(output.blob)), 'string')
  assert.is(await fetch(output.blob, undefined, other), 'grant.missing')
  assert.is(await fetch(input.blob), 'grant.missing', 'and nothing else goes to it')
  assert.is(state.sent, 0, 'it is no byte of a job of ours')
  await swarm.stop()
})

test('whether a blob is here is told only to who may read it', async () => {
  const { swarm, grantOf, fetch } = await world()
  const absent = '0'.repeat(64)
  assert.is(await fetch(absent), 'grant.missing')
  assert.is(await fetch(absent, grantOf()), 'blob.not-found')
  await swarm.stop()
})

test.run()
