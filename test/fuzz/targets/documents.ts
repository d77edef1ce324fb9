/** Control messages, and the signed documents that cards, leases, receipts and the charter are. */
import { type Codec, canonicalBytes, merkleRoot, sha256 } from '../../../runtime/base/index.ts'
import {
  type ControlMessage,
  controlMessageCodec,
  grantCodec,
  inlineBlobs,
  nodeCardCodec,
  offerCodec,
  openDocument,
  openReceipts,
  type Signed,
  type Signer,
  shardId,
  signDocument,
  signedCodec,
  signReceipts,
} from '../../../runtime/protocol/index.ts'
import {
  assertStanding,
  genesisCodec,
  membershipCodec,
  mergeUpdates,
  openCharter,
  openLeave,
  openMembership,
  openTicket,
  updateCodec,
} from '../../../runtime/swarm/charter/index.ts'
import { admin, alice, deputy, NOW, seed } from '../../swarm/charter/sample-cluster.ts'
import { peerOf } from '../../swarm/identity/sample-keys.ts'
import {
  binding,
  card,
  charter,
  lease,
  leave,
  membership,
  receipt,
  request,
  ticketSamples,
  updates,
} from '../documents.ts'
import { codecTarget, documentTarget, reread, resign, type Sample, signedSamples, type Target } from '../target.ts'

const { state } = charter
const offer = signDocument(offerCodec, { submitter: peerOf(seed), leases: [lease, { ...lease, id: 'lease-2' }] }, seed)
const grant = signDocument(
  grantCodec,
  { job: lease.job, submitter: peerOf(seed), blobs: [lease.shard], audience: [peerOf(alice)], untilWallMs: NOW },
  seed,
)
const batch = signReceipts([receipt, { ...receipt, lease: 'lease-2' }, { ...receipt, lease: 'lease-3' }], alice)
const ref = { blob: receipt.outputs.blob, sizeBytes: 12 }

const called = { job: lease.job, epoch: 1, before: 7 }

/** One of every type. */
export const messages: readonly ControlMessage[] = [
  {
    ...{ type: 'heartbeat', sequence: 1, cardSequence: 7, refusals: { busy: 3, memory: 1 } },
    ...{ wallMs: NOW, echo: { sequence: 1, heldMs: 0.5 }, keeps: true },
  },
  { type: 'card', card },
  {
    ...{ type: 'gossip', ask: true, from: '', to: peerOf(seed), wants: [peerOf(alice)] },
    heard: [{ peer: peerOf(alice), sequence: 7, ageMs: 10 }],
  },
  { type: 'cards', cards: [{ card, membership, ageMs: 10 }] },
  { type: 'roll-call', jobs: [called] },
  {
    type: 'held',
    jobs: [called],
    leases: [{ lease: 'lease-1', job: lease.job, epoch: 1, shard: lease.shard, device: 'cpu' }],
  },
  { type: 'charter', updates: [...updates] },
  { type: 'leave', leave },
  { type: 'offer', offer, grants: [grant], inline: [ref] },
  { type: 'accept', leases: ['lease-1', 'lease-2'] },
  {
    type: 'decline',
    leases: [{ lease: 'lease-1', reason: 'busy', message: 'every slot is taken', retryAfterMs: 500 }],
  },
  { type: 'progress', leases: ['lease-1'] },
  { type: 'receipts', batch, inline: [ref, ref] },
  { type: 'failed', leases: [{ lease: 'lease-1', code: 'engine.memory', message: 'too large', retryable: true }] },
  { type: 'cancel', leases: ['lease-1'], reason: 'superseded' },
  { type: 'settled', leases: ['lease-1'] },
]

const receiptsMessage = (receipts: Uint8Array[], root: Uint8Array) =>
  controlMessageCodec.encode({
    type: 'receipts',
    batch: { receipts, root: resign(batch.root, root, alice) },
    inline: [],
  })

/** A receipt altered, hashed and signed again: only what reads a single receipt is left to refuse it. */
function sealReceipt(altered: Uint8Array): Uint8Array {
  const receipts = [altered.slice(0, 200_000), ...batch.receipts.slice(1)]
  const root = merkleRoot(receipts.map((bytes) => sha256(bytes)))
  return receiptsMessage(receipts, canonicalBytes({ v: 1, count: receipts.length, root }))
}

/** A membership whose binding was altered and signed by both keys again. */
const bindingSample: Sample = {
  bytes: binding.node.body,
  seal(body) {
    const altered = { node: resign(binding.node, body, alice), account: resign(binding.account, body, deputy) }
    const { value } = openDocument(membershipCodec, request)
    return signedCodec.encode(signDocument(membershipCodec, { ...value, binding: altered }, alice))
  },
}

const signer = (document: Signed, by: Signer) => ({ document, signer: by })

/** What a signed document says, which survives being written and read again. */
function openAs<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const { value } = openDocument(codec, reread(signedCodec, bytes))
  return reread(codec, codec.encode(value))
}

/** See the head of this file. */
export const documentTargets: readonly Target[] = [
  codecTarget(controlMessageCodec, messages, { name: 'control-message', covers: ['control'], executions: 300 }),
  documentTarget(nodeCardCodec, [signer(card, alice)]),
  documentTarget(offerCodec, [signer(offer, seed)], {
    decode(bytes) {
      for (const { spec } of openAs(offerCodec, bytes).leases) shardId(spec)
    },
  }),
  documentTarget(grantCodec, [signer(grant, seed)]),
  {
    name: 'receipts',
    covers: ['receipts', 'receipt'],
    samples: [
      { bytes: controlMessageCodec.encode({ type: 'receipts', batch, inline: [] }) },
      { bytes: batch.receipts[0]!, seal: sealReceipt },
      { bytes: batch.root.body, seal: (root) => receiptsMessage(batch.receipts, root) },
    ],
    decode(bytes) {
      const message = controlMessageCodec.decode(bytes)
      if (message.type === 'receipts') openReceipts(message.batch)
    },
  },
  {
    name: 'inline-blobs',
    samples: [{ bytes: controlMessageCodec.encode({ type: 'receipts', batch, inline: [ref, ref] }) }],
    decode(bytes) {
      const message = controlMessageCodec.decode(bytes)
      if (message.type !== 'receipts' && message.type !== 'offer') return
      const blobs = inlineBlobs(message.inline, new Uint8Array(24))
      for (const blob of blobs.values()) if (blob.byteLength > 24) throw new Error('more than came')
    },
  },
  documentTarget(genesisCodec, [signer(charter.genesis, admin)], {
    decode: (bytes) => openCharter(reread(signedCodec, bytes)),
  }),
  {
    name: 'charter-update',
    samples: updates.flatMap((update) => signedSamples(update, admin)),
    decode(bytes) {
      const update = reread(signedCodec, bytes)
      const { version } = openAs(updateCodec, bytes)
      const before = openCharter(charter.genesis, updates.slice(0, version - 1))
      mergeUpdates(mergeUpdates(before, [update]), updates.slice(version))
    },
  },
  {
    name: 'membership',
    samples: [...signedSamples(membership, admin), ...signedSamples(request, alice), bindingSample],
    decode(bytes) {
      const member = openMembership(reread(signedCodec, bytes))
      assertStanding(state, member, NOW)
      assertStanding(state, member, Number.MAX_SAFE_INTEGER)
    },
  },
  {
    name: 'leave',
    samples: signedSamples(leave, seed),
    decode: (bytes) => openLeave(state.cluster, reread(signedCodec, bytes)),
  },
  {
    name: 'ticket',
    samples: ticketSamples(),
    executions: 150,
    decode: (bytes) => openTicket(Buffer.from(bytes).toString('utf8')),
  },
]
