import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../runtime/base/index.ts'
import { Grants } from '../../../runtime/job/worker/grants.ts'
import { grantCodec, type Lease, peerIdOf, type Signer, signDocument } from '../../../runtime/protocol/index.ts'
import { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { refuses } from '../../data/refusal.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'
const [submitter, other] = [1, 2].map((seed) => new SecretKey(new Uint8Array(32).fill(seed))) as [SecretKey, SecretKey]
const peerOf = (key: Signer) => peerIdOf(key.publicKey)
const grantOf = (signer: Signer, untilWallMs = 1_000, job = JOB) =>
  signDocument(
    grantCodec,
    { job, submitter: peerOf(signer), blobs: [], audience: [peerOf(other)], untilWallMs },
    signer,
  )
const [graph, weights, input] = ['graph', 'weights', 'input'].map((name) => sha256(Buffer.from(name))) as [
  string,
  string,
  string,
]
const ref = (blob: string) => ({ blob, sizeBytes: 1 })
const lease = (job = JOB) =>
  ({
    job,
    spec: { model: { graph: ref(graph), weights: [{ name: 'w', ...ref(weights) }] }, inputs: ref(input) },
  }) as Lease

test('a worker passes on the models that leases of a granted job named, and nothing else', () => {
  const grants = new Grants()
  const from = peerOf(submitter)
  grants.learn(from, [lease()])
  assert.not(grants.covers(JOB, from, graph, 0), 'never granted')
  grants.keep(from, [grantOf(submitter)])
  assert.not(grants.covers(JOB, from, graph, 0), 'granted, and no lease named it')
  grants.learn(from, [lease()])
  assert.ok(grants.covers(JOB, from, graph, 0))
  assert.ok(grants.covers(JOB, from, weights, 999))
  assert.not(grants.covers(JOB, from, input, 0), 'inputs stay with their worker')
  assert.not(grants.covers(JOB, from, graph, 1_000), 'its own grant has ended')
  assert.not(grants.covers(JOB, peerOf(other), graph, 0), 'the job of another submitter')
  grants.keep(from, [grantOf(submitter, 5_000)])
  assert.ok(grants.covers(JOB, from, graph, 1_000), 'renewed')
})

test('another submitter of a job of the same name learns nothing of what the first one named, nor takes its place', () => {
  const grants = new Grants()
  grants.keep(peerOf(submitter), [grantOf(submitter)])
  grants.learn(peerOf(submitter), [lease()])
  grants.keep(peerOf(other), [grantOf(other)])
  grants.learn(peerOf(submitter), [lease()])
  assert.not(grants.covers(JOB, peerOf(other), graph, 0))
  assert.ok(grants.covers(JOB, peerOf(submitter), graph, 0))
  assert.ok(grants.of(peerOf(submitter), JOB))
})

test('a grant that its sender did not sign is refused', async () => {
  const passedOn = async () => new Grants().keep(peerOf(other), [grantOf(submitter)])
  await refuses('grant.signer', passedOn())
})

test.run()
