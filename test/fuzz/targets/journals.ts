/** What the nodes of an account say to each other of their jobs' journals, and who goes on with a job. */
import {
  adoptionCodec,
  type JournalHead,
  journalReplyCodec,
  journalRequestCodec,
  signDocument,
} from '../../../runtime/protocol/index.ts'
import { bindingProofCodec } from '../../../runtime/swarm/identity/index.ts'
import { alice, NOW, seed } from '../../swarm/charter/sample-cluster.ts'
import { peerOf } from '../../swarm/identity/sample-keys.ts'
import { binding, lease } from '../documents.ts'
import { codecTarget, documentTarget, type Target } from '../target.ts'

const head: JournalHead = { job: lease.job, epoch: 1, seq: 9, hash: lease.shard }
const proof = bindingProofCodec.encode(binding)
const claim = { job: lease.job, account: lease.account, node: peerOf(alice), from: peerOf(seed), epoch: 1 << 20 }
const adoption = signDocument(
  adoptionCodec,
  { ...claim, seq: 9, hash: lease.shard, atWallMs: NOW, binding: proof },
  alice,
)

/** See the head of this file. */
export const journalTargets: readonly Target[] = [
  documentTarget(adoptionCodec, [{ document: adoption, signer: alice }]),
  codecTarget(journalRequestCodec, [
    { type: 'follow', seen: [head], binding: proof },
    { type: 'pull', job: lease.job, fromSeq: 3 },
    { type: 'show', job: lease.job, seq: 9 },
    { type: 'adopt', adoption },
    { type: 'part', adoption, index: 0, offset: 4_096 },
  ]),
  codecTarget(journalReplyCodec, [
    { type: 'heads', heads: [head], binding: proof },
    { type: 'groups' },
    { type: 'adopted', head },
    { type: 'part', sizeBytes: 10 },
    { type: 'refused', code: 'job.unknown', message: 'no such job' },
  ]),
]
