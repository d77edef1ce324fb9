/** One bound: its value, its unit, and why it is what it is. */
export interface Limit {
  readonly value: number
  readonly unit: 'bytes' | 'ms' | 'count' | 'characters' | 'rows'
  readonly reason: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/**
 * Every bound of the system, in one table. A queue, map, retry, message or wait that has no row here has no bound,
 * which is a defect. Configuration may lower some of these; nothing raises them at run time.
 */
export const LIMITS = {
  // Wire
  frameHeaderBytes: { value: 64 * KiB, unit: 'bytes', reason: 'a control message; larger content travels as a body' },
  frameBodyBytes: { value: 64 * MiB, unit: 'bytes', reason: 'what one peer can make a node buffer at once per stream' },
  streamsPerPeer: { value: 64, unit: 'count', reason: 'one control stream, a few bulk ones, and their turnover' },
  helloMs: { value: 5_000, unit: 'ms', reason: 'a stranger holds nothing open for longer than an honest hello needs' },
  openStreamMs: { value: 10_000, unit: 'ms', reason: 'a stream that did not open in this time will not' },
  dialMs: { value: 10_000, unit: 'ms', reason: 'twice a QUIC handshake over a bad link' },
  // Membership
  heartbeatMs: { value: 500, unit: 'ms', reason: 'five missed ones raise suspicion within 2.5 s' },
  suspectAfterMs: { value: 2_000, unit: 'ms', reason: 'silence after which shards are copied elsewhere, not revoked' },
  lostAfterMs: { value: 15_000, unit: 'ms', reason: 'silence after which a peer is dialled anew and its leases lapse' },
  peers: { value: 1_000, unit: 'count', reason: 'direct connections a node keeps' },
  // Documents
  documentBytes: { value: 256 * KiB, unit: 'bytes', reason: 'cards, charters, leases and receipts; parsed in one go' },
  charterUpdates: { value: 10_000, unit: 'count', reason: 'replayed by every joiner' },
  // Jobs
  jobsPerNode: { value: 256, unit: 'count', reason: 'live jobs of one submitter' },
  leasesPerOffer: { value: 256, unit: 'count', reason: 'one signature and one frame cover this many' },
  leasesPerWorker: { value: 1_024, unit: 'count', reason: 'queue of one worker, all submitters together' },
  leasesPerAccount: { value: 512, unit: 'count', reason: 'one account cannot fill a worker that others share' },
  shardAttempts: { value: 4, unit: 'count', reason: 'a shard that failed on this many nodes is named poison' },
  shardsInFlight: { value: 4_096, unit: 'count', reason: 'what a program may have emitted and not heard of' },
  leaseMs: { value: 60_000, unit: 'ms', reason: 'extended by progress; a worker that makes none loses the shard' },
  inlineBytes: { value: 32 * KiB, unit: 'bytes', reason: 'inputs and outputs this small travel inside their message' },
  eventHistory: { value: 10_000, unit: 'count', reason: 'events a client can resume over without a fresh snapshot' },
  // Data
  chunkBytes: { value: 1 * MiB, unit: 'bytes', reason: 'what is verified, resumed and kept in memory at once' },
  blobBytes: {
    value: 1024 * GiB,
    unit: 'bytes',
    reason: 'a tree of 1 MiB chunks with 32-byte hashes stays under 32 MiB',
  },
  tensorRank: { value: 16, unit: 'count', reason: 'no engine takes more' },
  tensorsPerMessage: { value: 4_096, unit: 'count', reason: 'parameters of a large model' },
  tensorNameCharacters: { value: 512, unit: 'characters', reason: 'exported models have long scoped names' },
  // Engine
  modelBytes: { value: 2 * GiB, unit: 'bytes', reason: 'the largest protobuf message; weights beyond it are blobs' },
  modelNodes: { value: 100_000, unit: 'count', reason: 'a structural scan stays under a second' },
  modelDepth: { value: 8, unit: 'count', reason: 'nested subgraphs of honest models' },
  engineMemoryBytes: { value: 8 * GiB, unit: 'bytes', reason: 'resident memory of one engine child' },
  engineLoadMs: { value: 60_000, unit: 'ms', reason: 'optimising a large graph' },
  engineRunMs: { value: 600_000, unit: 'ms', reason: 'one call; longer work is several shards' },
  cancelMs: { value: 500, unit: 'ms', reason: 'a cancelled child is dead within this' },
  // Node
  socketPathCharacters: { value: 100, unit: 'characters', reason: 'sun_path holds 108 bytes on Linux, 104 on macOS' },
  requestBytes: {
    value: 64 * MiB,
    unit: 'bytes',
    reason: 'one upload through the control socket; larger ones are files',
  },
  drainMs: { value: 10_000, unit: 'ms', reason: 'work in progress after SIGTERM' },
} as const satisfies Record<string, Limit>

/** The value of a limit, in its own unit. */
export function limit(name: keyof typeof LIMITS): number {
  return LIMITS[name].value
}
