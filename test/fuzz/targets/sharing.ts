/** What readers of a job and the node that has it say to each other. */
import {
  type SharedRecord,
  sharedJobsCodec,
  sharedRecordCodec,
  sharedReplyCodec,
  sharedRequestCodec,
} from '../../../runtime/protocol/index.ts'
import { bindingProofCodec } from '../../../runtime/swarm/identity/index.ts'
import { jobStatus } from '../../support/fake-node-service.ts'
import { binding, lease } from '../documents.ts'
import { codecTarget, type Target } from '../target.ts'

const { job } = lease
const proof = bindingProofCodec.encode(binding)
const status = jobStatus({ job, state: 'done', outputDir: '' })
const record: SharedRecord['record'] = {
  ...{ job, name: 'a job', state: 'done', createdWallMs: 1, finishedWallMs: 2, rounds: [], workers: [] },
  request: {
    ...{ program: 'infer', model: 'm.onnx', input: { path: 'rows.jsonl' }, outputs: [], rowsPerShard: 1 },
    ...{ requirements: {}, finite: true },
  },
  model: { graph: { blob: lease.shard, sizeBytes: 10 }, weights: [] },
  bytes: { sent: 1, received: 2 },
  parts: [{ index: 0, file: 'part-0.arrow', firstRow: 0, rows: 1, sha256: lease.shard, shard: lease.shard }],
  versions: { aivida: '0.1.0' },
}

/** See the head of this file. */
export const sharingTargets: readonly Target[] = [
  codecTarget(sharedRequestCodec, [
    { type: 'jobs', binding: proof },
    { type: 'status', job },
    { type: 'record', job, binding: proof },
    { type: 'file', job, name: 'model.onnx' },
  ]),
  codecTarget(sharedReplyCodec, [
    { type: 'jobs' },
    { type: 'status', status },
    { type: 'record' },
    { type: 'file', ref: { blob: lease.shard, sizeBytes: 10 } },
    { type: 'refused', code: 'job.unknown', message: 'no such job' },
  ]),
  codecTarget(sharedJobsCodec, [{ jobs: [status] }]),
  codecTarget(sharedRecordCodec, [{ record, files: [{ name: 'part-0.arrow', sizeBytes: 10 }] }]),
]
