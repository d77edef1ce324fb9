/** What lies on disk: a node reads back what a crash, a bad disk or another program may have left there. */
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { jobEntryCodec, workerEntryCodec } from '../../../runtime/job/journal/index.ts'
import { readEndNote, writeEndNote } from '../../../runtime/log/end-note.ts'
import { groupAt, groupEntries, groupHash, NO_HASH, sealGroup } from '../../../runtime/log/frame.ts'
import type { Disk } from '../../../runtime/log/index.ts'
import { EPOCH_FILE, raiseEpoch, recover } from '../../../runtime/log/recovery.ts'
import { isDamage, leftoverBytes, scanGroups, segmentName } from '../../../runtime/log/segment.ts'
import { readSnapshot } from '../../../runtime/log/snapshot-file.ts'
import { JobArchive } from '../../../runtime/node/jobs/job-archive.ts'
import { modelsOf } from '../../../runtime/protocol/index.ts'
import { Cluster, ClusterStore, openMembership } from '../../../runtime/swarm/charter/index.ts'
import { jobStatus } from '../../support/fake-node-service.ts'
import { memoryDisk } from '../../support/memory-disk.ts'
import { alice, NOW, seed } from '../../swarm/charter/sample-cluster.ts'
import { accountOf } from '../../swarm/identity/sample-keys.ts'
import { clusterDisk, lease, receipt, spec } from '../documents.ts'
import { codecTarget, type Target } from '../target.ts'

const entries = ['a', 'bc', ''].map((text) => Buffer.from(text))
const first = sealGroup({ firstSeq: 1, epoch: 1, wallMs: NOW, previousHash: NO_HASH }, entries)
const second = sealGroup({ firstSeq: 4, epoch: 1, wallMs: NOW, previousHash: groupHash(first) }, entries)
const segment = Buffer.concat([first.frame, second.frame, Buffer.alloc(64)])
const logFixture = (name: string) => readFileSync(new URL(`../../fixtures/log/v1/${name}`, import.meta.url))

/** A group whose checksums fit again, the header's and the body's. */
function sealLogGroup(altered: Uint8Array): Uint8Array {
  const bytes = Buffer.from(altered)
  if (bytes.byteLength < 88) return bytes
  const length = Math.min(bytes.readUInt32LE(4), bytes.byteLength)
  if (length >= 88) bytes.writeUInt32LE(crc32(bytes.subarray(88, length)), 12)
  bytes.writeUInt32LE(crc32(bytes.subarray(12, 88), crc32(bytes.subarray(0, 8))), 8)
  return bytes
}

function sealSnapshot(altered: Uint8Array): Uint8Array {
  const bytes = Buffer.from(altered)
  if (bytes.byteLength >= 8) bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

async function diskWith(files: Readonly<Record<string, Uint8Array>>): Promise<Disk> {
  const disk = memoryDisk()
  for (const [name, bytes] of Object.entries(files)) await (await disk.open(`/log/${name}`, 'new')).write(bytes, 0)
  return disk
}

const file = (name: string) => clusterDisk.read(`/cluster/${name}`)
const [charterFile, rosterFile, requestsFile] = await Promise.all(
  ['charter.cbor', 'roster.cbor', 'requests.cbor'].map(file),
)
const clusterFiles = { 'charter.cbor': charterFile!, 'roster.cbor': rosterFile! }

/** Opens the cluster of these files, as alice's node does when it starts. */
async function openCluster(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const store = new ClusterStore(await diskWith(files), '/log')
  await Cluster.open({ node: alice, store, clock: { wallMs: () => NOW + 10 } })
}

const part = { index: 0, file: 'part-0.arrow', firstRow: 0, rows: 8, sha256: lease.shard, shard: lease.shard }
const computedBy = {
  peer: lease.worker,
  determinismClass: 'ort-1.30.0/cpu/x64-avx2/all',
  shards: 1,
  computeMs: 1.5,
  commitments: [lease.shard],
}
const jobSpec = {
  job: lease.job,
  account: lease.account,
  request: { program: 'infer' as const, model: '/m.onnx', input: { path: '/rows' }, ...defaults() },
  model: modelsOf(spec)[0]!,
  outputDir: '/out',
  createdWallMs: NOW,
}
const error = {
  code: 'x.y',
  category: 'user' as const,
  message: 'm',
  retryable: false,
  facts: { deep: [1, { a: null }] },
}

function defaults() {
  return { outputs: [], rowsPerShard: 8, requirements: {}, finite: true }
}

async function endedJob(): Promise<Uint8Array> {
  const disk = memoryDisk()
  await new JobArchive('/jobs', disk).keep({ ...jobStatus(), job: lease.job, error }, [part])
  return disk.read(`/jobs/${lease.job}/ended.cbor`)
}

async function endNote(): Promise<Uint8Array> {
  const disk = memoryDisk()
  await writeEndNote(disk, '/log', { seq: 5, hash: NO_HASH })
  return disk.read('/log/end')
}

/** See the head of this file. */
export const keptTargets: readonly Target[] = [
  {
    name: 'log-group',
    samples: [{ bytes: first.frame }, { bytes: first.frame, seal: sealLogGroup }],
    categories: ['platform'],
    decode(bytes) {
      const group = groupAt(bytes, 0)
      if (!group) return
      groupHash(group)
      for (const entry of groupEntries(group)) if (entry.byteLength > bytes.byteLength) throw new Error('out of bounds')
    },
  },
  {
    name: 'log-segment',
    samples: [
      { bytes: segment },
      { bytes: segment, seal: sealLogGroup },
      { bytes: logFixture('0000000000000001-0000000001.seg') },
    ],
    categories: ['platform'],
    async decode(bytes) {
      const scan = scanGroups(bytes, 1)
      isDamage(bytes, scan)
      leftoverBytes(bytes, scan.end)
      const name = segmentName({ firstSeq: 1, epoch: 1 })
      await recover(await diskWith({ [name]: bytes }), '/log', {})
    },
  },
  {
    name: 'log-epoch',
    samples: [{ bytes: logFixture('epoch') }],
    categories: ['platform'],
    async decode(bytes) {
      const { epoch } = await raiseEpoch(await diskWith({ [EPOCH_FILE]: bytes }), '/log')
      if (!Number.isSafeInteger(epoch)) throw new Error(`epoch ${epoch}`)
    },
  },
  {
    name: 'log-snapshot',
    executions: 300,
    samples: [logFixture('0000000000000003.snap')].flatMap((bytes) => [{ bytes }, { bytes, seal: sealSnapshot }]),
    categories: ['platform'],
    decode: async (bytes) => readSnapshot(await diskWith({ '0000000000000003.snap': bytes }), '/log'),
  },
  codecTarget(jobEntryCodec, [
    { type: 'created', spec: jobSpec },
    { type: 'part', part: { ...part, computedBy: [computedBy], atWallMs: NOW } },
    { type: 'ended', state: 'failed', atWallMs: NOW, error },
  ]),
  codecTarget(workerEntryCodec, [
    { type: 'leased', job: lease.job, epoch: 1, leases: ['lease-1'] },
    { type: 'receipt', account: accountOf(seed), receipt, inline: Buffer.from('outputs') },
  ]),
  {
    name: 'charter-file',
    samples: [{ bytes: charterFile! }],
    categories: ['platform', 'peer', 'user'],
    decode: (bytes) => openCluster({ ...clusterFiles, 'charter.cbor': bytes }),
  },
  {
    name: 'roster-file',
    samples: [{ bytes: rosterFile! }],
    categories: ['platform', 'peer', 'user'],
    decode: (bytes) => openCluster({ ...clusterFiles, 'roster.cbor': bytes }),
  },
  {
    name: 'requests-file',
    samples: [{ bytes: requestsFile! }],
    categories: ['platform', 'peer', 'user'],
    async decode(bytes) {
      const store = new ClusterStore(await diskWith({ 'requests.cbor': bytes }), '/log')
      for (const document of await store.loadRequests()) openMembership(document)
    },
  },
  {
    name: 'ended-job',
    samples: [{ bytes: await endedJob() }],
    decode: async (bytes) => new JobArchive('/', await diskWith({ 'ended.cbor': bytes })).load('log'),
  },
  {
    name: 'log-end',
    samples: [{ bytes: await endNote() }],
    takesAll: true,
    decode: async (bytes) => readEndNote(await diskWith({ end: bytes }), '/log'),
  },
]
