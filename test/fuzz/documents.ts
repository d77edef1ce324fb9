/** Valid signed documents that the targets start from, and how altered ones are signed again. */
import { sha256 } from '../../runtime/base/index.ts'
import {
  type Lease,
  nodeCardCodec,
  type Receipt,
  type ShardSpec,
  type Signed,
  type Signer,
  shardId,
  signDocument,
  signedCodec,
} from '../../runtime/protocol/index.ts'
import { ClusterStore, openTicket, signLeave } from '../../runtime/swarm/charter/index.ts'
import { completeBinding, proposeBinding, textForm } from '../../runtime/swarm/identity/index.ts'
import { memoryDisk } from '../support/memory-disk.ts'
import {
  admin,
  alice,
  bob,
  DAY,
  deputy,
  NOW,
  sampleCharter,
  sampleMember,
  sampleTicket,
  seed,
} from '../swarm/charter/sample-cluster.ts'
import { accountOf, peerOf } from '../swarm/identity/sample-keys.ts'
import { resign, type Sample } from './target.ts'

/** A charter with a change of every kind. */
export const charter = sampleCharter([
  { type: 'add-admin', admin: accountOf(deputy) },
  { type: 'add-delegate', delegate: accountOf(bob) },
  { type: 'remove-delegate', delegate: accountOf(bob), signedBefore: 'void' },
  { type: 'remove-admin', admin: accountOf(deputy), signedBefore: 'keep' },
  { type: 'remove-member', member: peerOf(bob), reason: 'was rude' },
  { type: 'readmit-member', member: peerOf(bob) },
  { type: 'admission', admission: 'ticket' },
  {
    type: 'terms',
    terms: { ledger: { host: peerOf(seed), epoch: 3 }, prices: { small: 5n }, tiers: ['small'], rails: ['a'] },
  },
])

/** Its updates. */
export const { updates } = charter
const { cluster } = charter.state

/** That alice's node belongs to the deputy's account. */
export const binding = completeBinding(
  proposeBinding(accountOf(deputy), { cluster, issuedWallMs: NOW, expiresWallMs: NOW + DAY }, alice),
  deputy,
)

/** Alice's membership, signed by the admin. */
export const membership = sampleMember(charter, alice, { binding, expiresWallMs: NOW + DAY }).document

/** Alice's request to join. */
export const request = sampleMember(charter, alice, { binding, role: 'worker' }, alice).document

/** The seed's word that it leaves. */
export const leave = signLeave(cluster, seed, NOW + 5)

/** A shard. */
export const spec: ShardSpec = {
  kind: 'infer',
  model: {
    graph: { blob: sha256(Buffer.from('graph')), sizeBytes: 1_000 },
    weights: [{ name: 'weights.bin', blob: sha256(Buffer.from('weights')), sizeBytes: 5_000_000_000 }],
  },
  inputs: { blob: sha256(Buffer.from('inputs')), sizeBytes: 64 },
  rows: 8,
  outputs: ['y'],
}

/** A lease of it. */
export const lease: Lease = {
  id: 'lease-1',
  job: 'job-0123456789abcdef',
  epoch: 1,
  shard: shardId(spec),
  spec,
  account: accountOf(deputy),
  worker: peerOf(alice),
  device: 'cpu',
  durationMs: 60_000,
  requirements: { provider: 'cpu', memoryBytes: 1, nodes: [peerOf(alice)] },
  policy: { mode: 'none' },
  providers: [peerOf(seed)],
  priceCapMicroCredits: 5n,
  fundsColour: 'earned',
}

/** A receipt for it. */
export const receipt: Receipt = {
  lease: lease.id,
  job: lease.job,
  epoch: 1,
  shard: lease.shard,
  worker: lease.worker,
  device: 'cpu',
  determinismClass: 'onnxruntime/1.30/cpu/avx2/t1',
  outputs: { blob: sha256(Buffer.from('outputs')), sizeBytes: 12 },
  computeMs: 1.5,
}

/** Alice's card. */
export const card = signDocument(
  nodeCardCodec,
  {
    node: peerOf(alice),
    account: accountOf(deputy),
    name: 'alice',
    software: 'aivida/1',
    sequence: 7,
    issuedWallMs: NOW,
    expiresWallMs: NOW + DAY,
    addresses: ['/ip4/127.0.0.1/udp/4001/quic-v1'],
    devices: [
      {
        ...{ id: 'cpu', provider: 'cpu', model: 'x', slots: 2, memoryBytes: 1 << 30, determinismClass: 'c' },
        ...{ exact: true, sandboxLevel: 0, kinds: ['infer'] },
      },
    ],
  },
  alice,
)

/** Who signs what, and documents that are altered and signed again inside of others. */
export const signedBy = {
  admin,
  /** The seed's own membership. */
  seed: sampleMember(charter, seed).document,
  /** The document inside `outer`: altered as it is, and altered in its body and signed again. */
  samples: (document: Signed, signer: Signer, outer: (document: Signed) => Uint8Array): Sample[] => [
    { bytes: document.body, seal: (body) => outer(resign(document, body, signer)) },
  ],
}

const ticketText = textForm({ prefix: 'aivida1', what: 'a ticket', code: 'ticket.malformed' })

/** A ticket's text altered as it stands, its signed document altered, and its content altered and signed again. */
export function ticketSamples(outer: (text: string) => Uint8Array = (text) => Buffer.from(text)): Sample[] {
  const text = sampleTicket(charter)
  openTicket(text)
  const document = ticketText.decode(text)
  const signed = signedCodec.decode(document)
  const words = (bytes: Uint8Array) => outer(ticketText.encode(bytes.subarray(0, 800)))
  return [
    { bytes: Buffer.from(text), seal: (altered) => outer(Buffer.from(altered).toString('utf8').slice(0, 5_000)) },
    { bytes: document, seal: words },
    { bytes: signed.body, seal: (body) => words(signedCodec.encode(resign(signed, body, seed))) },
  ]
}

/** Where {@link clusterStore} keeps its files, in `/cluster`. */
export const clusterDisk = memoryDisk()

/** The cluster as alice's node keeps it. */
export const clusterStore = new ClusterStore(clusterDisk, '/cluster')
await clusterStore.saveCharter(charter)
await clusterStore.saveRoster({ own: membership, memberships: [membership, signedBy.seed], leaves: [] })
await clusterStore.saveRequests([request])
