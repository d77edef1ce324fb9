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
  frameHeaderBytes: {
    value: 1 * MiB,
    unit: 'bytes',
    reason: 'an offer of 256 leases; larger content travels as a body',
  },
  frameBodyBytes: { value: 64 * MiB, unit: 'bytes', reason: 'what one peer can make a node buffer at once per stream' },
  streamsPerPeer: { value: 64, unit: 'count', reason: 'one control stream, a few bulk ones, and their turnover' },
  streamsPerSecond: { value: 1_000, unit: 'count', reason: 'on one connection; opening one costs an honest peer a ms' },
  streamBurst: { value: 2_000, unit: 'count', reason: 'opened at once before a peer is made to wait' },
  connectionsPerPeer: { value: 4, unit: 'count', reason: 'two that crossed and two not yet known to be lost' },
  helloMs: { value: 5_000, unit: 'ms', reason: 'a stranger holds nothing open for longer than an honest hello needs' },
  openStreamMs: { value: 10_000, unit: 'ms', reason: 'a stream that did not open in this time will not' },
  dialMs: { value: 10_000, unit: 'ms', reason: 'twice a QUIC handshake over a bad link' },
  dialAddresses: { value: 16, unit: 'count', reason: 'addresses tried of one peer, whose card may name any number' },
  inboundPerSecond: { value: 200, unit: 'count', reason: 'connections from one host: a lab of 50 nodes shares one' },
  handshakes: { value: 1_024, unit: 'count', reason: 'unfinished at once; more of them make honest dials wait' },
  streamWindowBytes: { value: 4 * MiB, unit: 'bytes', reason: 'sent and unread on one stream: 40 MB/s at 100 ms' },
  connectionWindowBytes: { value: 64 * MiB, unit: 'bytes', reason: 'so 15 stalled streams leave room for the next' },
  streamUnreadBytes: { value: 1 * MiB, unit: 'bytes', reason: 'kept ready for a reader; the rest waits in the window' },
  channelSends: { value: 256, unit: 'count', reason: 'frames waiting their turn on one stream' },
  // Membership
  heartbeatMs: { value: 500, unit: 'ms', reason: 'five missed ones raise suspicion within 2.5 s' },
  suspectAfterMs: { value: 2_000, unit: 'ms', reason: 'silence after which shards are copied elsewhere, not revoked' },
  lostAfterMs: { value: 15_000, unit: 'ms', reason: 'silence after which a peer is dialled anew and its leases lapse' },
  farLostAfterMs: {
    value: 45_000,
    unit: 'ms',
    reason: 'no word of a member from anybody: several times what gossip takes to cross a large cluster',
  },
  meshPeers: { value: 16, unit: 'count', reason: 'up to this many others, everybody connects to everybody' },
  ringPeers: { value: 4, unit: 'count', reason: 'neighbours on either side in the order of peer ids, beyond the mesh' },
  chosenPeers: { value: 4, unit: 'count', reason: 'neighbours drawn by chance: they keep a large ring shallow' },
  linkIdleMs: { value: 30_000, unit: 'ms', reason: 'a link that no neighbour, job or blob needs is closed after this' },
  gossipMs: { value: 2_000, unit: 'ms', reason: 'each node compares what it knows with one neighbour this often' },
  gossipMembers: { value: 512, unit: 'count', reason: 'members named in one comparison: some 40 KB' },
  gossipBytes: { value: 512 * KiB, unit: 'bytes', reason: 'cards in one message; the others follow in later rounds' },
  awayMs: { value: 30_000, unit: 'ms', reason: 'a member that could not be reached is offered no work for this long' },
  islandAfterMs: { value: 15_000, unit: 'ms', reason: 'being alone for this long is said; a dial may take 10 s' },
  clockSkewMs: { value: 60_000, unit: 'ms', reason: 'what two clocks may differ by: signed expiries hold this longer' },
  clockWarnMs: { value: 5_000, unit: 'ms', reason: 'a skew that its operator hears of, well before anything fails' },
  knownAddresses: { value: 10_000, unit: 'count', reason: 'peers whose addresses are remembered: a full roster' },
  peers: { value: 1_000, unit: 'count', reason: 'direct connections a node keeps' },
  // Conduct: a peer's share of this node, and what becomes of one that takes more
  conductPoints: { value: 500, unit: 'count', reason: 'fifteen broken messages are borne, the sixteenth ends it' },
  conductPointsPerSecond: {
    value: 8,
    unit: 'count',
    reason: 'forgiven: an honest node that trails a change is late so often',
  },
  conductRecords: { value: 1_000, unit: 'count', reason: 'peers, and addresses, whose conduct is remembered' },
  gateMs: { value: 60_000, unit: 'ms', reason: 'a first gating; each later one lasts twice as long' },
  gateMaxMs: { value: 3_600_000, unit: 'ms', reason: 'the longest gating; a mended node is back within the hour' },
  strangers: { value: 128, unit: 'count', reason: 'connected and no member yet; members need none of these places' },
  strangersPerHost: { value: 64, unit: 'count', reason: 'of one address: a lab of 50 nodes joins at once' },
  strangersPerSecond: { value: 20, unit: 'count', reason: 'connections, and hellos, of one address after a burst' },
  strangerHellosPerSecond: { value: 100, unit: 'count', reason: 'of all addresses together: a fifth of a core' },
  strangerMs: { value: 10_000, unit: 'ms', reason: 'twice a hello; who is no member by then is shown out' },
  strangerStreams: { value: 4, unit: 'count', reason: 'a hello, and one that is given up' },
  hellosPerSecond: {
    value: 2,
    unit: 'count',
    reason: 'of one peer, after a burst of eight: a hello costs ten signatures',
  },
  chatterPerSecond: {
    value: 50,
    unit: 'count',
    reason: 'heartbeats, cards and charter updates of one peer; two are usual',
  },
  chatterBurst: {
    value: 500,
    unit: 'count',
    reason: 'what a node that was stopped for a while finds waiting, several times',
  },
  workPerSecond: {
    value: 5_000,
    unit: 'count',
    reason: 'half-kilobytes of messages of one peer, read later beyond it: half a core',
  },
  workBurst: { value: 10_000, unit: 'count', reason: 'two seconds of it: forty full offers at once' },
  messageMs: {
    value: 5_000,
    unit: 'ms',
    reason: 'from the first to the last byte of a message, and time for its bytes',
  },
  slowestBytesPerSecond: {
    value: 64 * KiB,
    unit: 'bytes',
    reason: 'half a megabit a second on one stream; below it a node cannot take part',
  },
  inboundBytesPerPeer: { value: 128 * MiB, unit: 'bytes', reason: 'two of the largest messages, or 128 chunks' },
  inboundBytes: { value: 512 * MiB, unit: 'bytes', reason: 'large messages that are coming in, all peers together' },
  controlBodyBytes: { value: 16 * MiB, unit: 'bytes', reason: '256 receipts with their outputs, twice over' },
  controlQueueBytes: { value: 32 * MiB, unit: 'bytes', reason: 'waiting for one peer that reads slowly: eight offers' },
  // Documents
  documentBytes: { value: 256 * KiB, unit: 'bytes', reason: 'cards, charters, leases and receipts; parsed in one go' },
  signedBytes: { value: 1 * MiB, unit: 'bytes', reason: 'an offer of 256 leases; checked before the signature is' },
  publicKeys: { value: 4_096, unit: 'count', reason: 'parsed keys kept; parsing one costs as much as a verification' },
  textFormCharacters: {
    value: 4_000,
    unit: 'characters',
    reason: 'a terminal takes lines of up to 4,095 in one paste',
  },
  admins: { value: 64, unit: 'count', reason: 'keys that a charter names, of admins and of delegates each' },
  members: { value: 10_000, unit: 'count', reason: 'a roster of some 5 MB that one node verifies in seconds' },
  joinRequests: { value: 256, unit: 'count', reason: 'strangers that wait for an admin; more are asked to come later' },
  ticketRedemptions: { value: 100_000, unit: 'count', reason: 'about 15 MB of ledger lines, read at start' },
  clusterFileBytes: { value: 64 * MiB, unit: 'bytes', reason: 'a full charter or a full roster on disk' },
  charterUpdates: { value: 10_000, unit: 'count', reason: 'replayed by every joiner' },
  // Jobs
  jobsPerNode: { value: 256, unit: 'count', reason: 'live jobs of one submitter' },
  leasesPerOffer: { value: 256, unit: 'count', reason: 'one signature and one frame cover this many' },
  leaseProviders: { value: 32, unit: 'count', reason: 'nodes that a lease names; they name each other later' },
  leasesPerWorker: { value: 1_024, unit: 'count', reason: 'queue of one worker, all submitters together' },
  leasesPerAccount: { value: 512, unit: 'count', reason: 'one account cannot fill a worker that others share' },
  shardAttempts: { value: 4, unit: 'count', reason: 'a shard that failed on this many nodes is named poison' },
  shardsInFlight: { value: 4_096, unit: 'count', reason: 'what a program may have emitted and not heard of' },
  leaseMs: { value: 60_000, unit: 'ms', reason: 'extended by progress; a worker that makes none loses the shard' },
  returnMs: {
    value: 10_000,
    unit: 'ms',
    reason: 'what a node that went away has finished is waited for, not computed again: one restart',
  },
  outputKeepMs: {
    value: 24 * 3_600_000,
    unit: 'ms',
    reason: 'outputs nobody settled: the submitter is a notebook that was closed overnight',
  },
  inlineInputBytes: {
    value: 256 * KiB,
    unit: 'bytes',
    reason: 'inputs this small come with their lease: no round trip',
  },
  inlineOfferBytes: { value: 4 * MiB, unit: 'bytes', reason: 'inputs in one offer; heartbeats wait behind it' },
  inlineOutputBytes: {
    value: 32 * KiB,
    unit: 'bytes',
    reason: 'outputs this small come with the receipt, and are journalled',
  },
  knownResults: { value: 10_000, unit: 'count', reason: 'finished shards that a worker answers without computing' },
  knownResultBytes: { value: 32 * MiB, unit: 'bytes', reason: 'the same in memory; some 1,000 of the largest' },
  followedJobs: { value: 64, unit: 'count', reason: 'journals of other nodes of the account that are copied here' },
  followedBytes: { value: 256 * MiB, unit: 'bytes', reason: 'all such copies; a million parts take about as much' },
  journalReplyMs: { value: 20_000, unit: 'ms', reason: 'one answer about a journal, 4 MiB at 200 kB/s' },
  journalPullBytes: {
    value: 4 * MiB,
    unit: 'bytes',
    reason: 'groups in one answer to a follower, and bytes of a part',
  },
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
  tensorHeaderBytes: { value: 4 * MiB, unit: 'bytes', reason: 'names and shapes of tensorsPerMessage tensors' },
  blobsPerStore: { value: 1_000_000, unit: 'count', reason: 'an index of some 200 bytes a blob is kept in memory' },
  blobProviders: { value: 64, unit: 'count', reason: 'nodes worth asking for one blob' },
  blobWindowChunks: {
    value: 8,
    unit: 'count',
    reason: 'chunks on their way from one provider: 8 MiB hides 80 ms at 100 MB/s',
  },
  blobReplyMs: { value: 30_000, unit: 'ms', reason: 'one chunk at 35 kB/s; a slower provider is passed over' },
  blobPeers: { value: 8, unit: 'count', reason: 'co-workers that one blob is fetched from at once, and the origin' },
  blobChoiceChunks: {
    value: 4_096,
    unit: 'count',
    reason: 'chunks named in one request or piece of news: 512 bytes of bits for 4 GiB',
  },
  blobUploads: { value: 32, unit: 'count', reason: 'chunks being sent at once, one a peer: 32 MiB of memory' },
  pinsPerOwner: {
    value: 65_536,
    unit: 'count',
    reason: 'blobs of one job or account; its pin file is rewritten whole',
  },
  recordBatchBytes: { value: 1 * GiB, unit: 'bytes', reason: 'read whole; tables for streaming have smaller ones' },
  recordBatches: {
    value: 1_000_000,
    unit: 'count',
    reason: 'an index of some 100 bytes each is kept of an Arrow file',
  },
  jsonLineBytes: { value: 64 * MiB, unit: 'bytes', reason: 'one row as text; larger rows belong in Arrow' },
  imagesPerFolder: { value: 1_000_000, unit: 'count', reason: 'their names are kept in memory' },
  imagesAtOnce: { value: 4, unit: 'count', reason: 'images being decoded; the thread pool of Node has four threads' },
  batchesAhead: { value: 2, unit: 'count', reason: 'one being read while one waits to be taken' },
  // Engine
  modelBytes: { value: 2 * GiB, unit: 'bytes', reason: 'the largest protobuf message; weights beyond it are blobs' },
  modelNodes: { value: 100_000, unit: 'count', reason: 'a structural scan stays under a second' },
  modelDepth: { value: 8, unit: 'count', reason: 'nested subgraphs of honest models' },
  modelCallDepth: { value: 32, unit: 'count', reason: 'functions that call functions: module trees of exporters' },
  modelDomains: { value: 64, unit: 'count', reason: 'operator sets a model may import' },
  engineChildren: { value: 256, unit: 'count', reason: 'warm engine children of one node, all devices together' },
  engineSessions: {
    value: 8,
    unit: 'count',
    reason: 'models one child keeps loaded; the least recently used one goes',
  },
  engineQueue: { value: 64, unit: 'count', reason: 'calls that wait for one child' },
  engineHeaderBytes: {
    value: 4 * MiB,
    unit: 'bytes',
    reason: 'names and shapes of 4,096 tensors, or a report of a model',
  },
  engineWordsBytes: { value: 8 * KiB, unit: 'bytes', reason: 'what is kept of what a child last wrote to stderr' },
  engineStartMs: { value: 30_000, unit: 'ms', reason: 'from fork to ready: 0.2 s, ten times that on a busy machine' },
  engineMemoryPollMs: { value: 100, unit: 'ms', reason: 'how soon a child above its memory is seen' },
  engineMemoryBytes: { value: 8 * GiB, unit: 'bytes', reason: 'resident memory of one engine child' },
  slotMemoryBytes: { value: 512 * MiB, unit: 'bytes', reason: 'an engine, a model and a batch; below it, fewer slots' },
  exactClasses: { value: 16, unit: 'count', reason: 'proofs kept: builds and levels one machine goes through' },
  engineLoadMs: { value: 60_000, unit: 'ms', reason: 'optimising a large graph' },
  engineRunMs: { value: 600_000, unit: 'ms', reason: 'one call; longer work is several shards' },
  cancelMs: { value: 500, unit: 'ms', reason: 'a cancelled child is dead within this' },
  // Log
  logGroupBytes: {
    value: 1 * MiB,
    unit: 'bytes',
    reason: 'what is sealed and written at once; databases take it as one row',
  },
  logQueueBytes: { value: 16 * MiB, unit: 'bytes', reason: 'entries waiting for the disk before the log says busy' },
  logQueueAppends: {
    value: 65_536,
    unit: 'count',
    reason: 'callers waiting for the disk, however small their entries',
  },
  logSegmentBytes: { value: 16 * MiB, unit: 'bytes', reason: 'one file of a log, read into memory whole on replay' },
  logReserveBytes: {
    value: 64 * KiB,
    unit: 'bytes',
    reason: 'set aside in each open log, so that why it goes no further still fits on a full disk',
  },
  logScrubBytes: {
    value: 4 * MiB,
    unit: 'bytes',
    reason: 'scrubbed a second: a 16 MiB segment in 4 s, and nobody notices',
  },
  logSnapshotBytes: { value: 1024 * MiB, unit: 'bytes', reason: 'a million accounts take a tenth of it' },
  // Node
  slotsPerNode: { value: 1_024, unit: 'count', reason: 'device slots of one machine, and threads of one slot' },
  configAddresses: { value: 64, unit: 'count', reason: 'addresses that one option lists' },
  configBytes: { value: 64 * KiB, unit: 'bytes', reason: 'a configuration file that a person writes' },
  logFileBytes: { value: 10 * MiB, unit: 'bytes', reason: 'one log file before the next is begun' },
  logFiles: { value: 5, unit: 'count', reason: 'log files kept of one node' },
  logFieldCharacters: { value: 4_000, unit: 'characters', reason: 'one value of a log line meant for a terminal' },
  socketPathCharacters: { value: 100, unit: 'characters', reason: 'sun_path holds 108 bytes on Linux, 104 on macOS' },
  requestBytes: {
    value: 64 * MiB,
    unit: 'bytes',
    reason: 'one upload through the control socket; larger ones are files',
  },
  eventReaders: { value: 64, unit: 'count', reason: 'terminals, notebooks and scripts that follow one node at once' },
  eventHeartbeatMs: { value: 10_000, unit: 'ms', reason: 'a client tells a quiet node from a dead one in three' },
  controlRetries: { value: 8, unit: 'count', reason: 'with doubling pauses a client waits out a restart of 25 s' },
  controlReplyMs: { value: 300_000, unit: 'ms', reason: 'a submission hashes a large model before it is answered' },
  uploads: { value: 256, unit: 'count', reason: 'tables clients have sent and jobs may still read' },
  uploadKeepMs: { value: 7 * 86_400_000, unit: 'ms', reason: 'an upload nobody touched for a week makes room' },
  startMs: { value: 30_000, unit: 'ms', reason: 'a daemon that is not ready by then will not be' },
  drainMs: { value: 10_000, unit: 'ms', reason: 'work in progress after SIGTERM' },
} as const satisfies Record<string, Limit>

/** The value of a limit, in its own unit. */
export function limit(name: keyof typeof LIMITS): number {
  return LIMITS[name].value
}
