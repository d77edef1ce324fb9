import type { Limit } from './limit.ts'

const MiB = 1024 * 1024

/** The bounds of jobs that other accounts read: rows of the one table, `LIMITS`. */
export const SHARING_LIMITS = {
  sharesPerJob: { value: 64, unit: 'count', reason: 'accounts that may read one job: a group, named in its status' },
  sharedJobs: { value: 256, unit: 'count', reason: 'that one answer to a reader lists: as many as a node runs' },
  sharedRecordBytes: { value: 32 * MiB, unit: 'bytes', reason: 'a record told to a reader: that of 50,000 parts' },
  sharedReplyMs: { value: 60_000, unit: 'ms', reason: 'one answer to a reader, who waits while a file is hashed' },
  sharedFindMs: { value: 3_000, unit: 'ms', reason: 'asking who has a job; a person waits, and may have mistyped it' },
  sharedAsked: { value: 64, unit: 'count', reason: 'nodes that are asked who has a job, or what they share' },
  sharedAsksPerSecond: { value: 100, unit: 'count', reason: 'of one reader, after a burst: 10,000 parts in 100 s' },
  sharedAsksBurst: { value: 200, unit: 'count', reason: 'of one reader at once: a result of so many parts' },
  sharedBlobs: { value: 4_096, unit: 'count', reason: 'files that readers were given names of, all readers together' },
  sharedBlobMs: { value: 600_000, unit: 'ms', reason: 'from the name of a file to its reading; then it is asked anew' },
  sharedWatches: {
    value: 32,
    unit: 'count',
    reason: 'jobs of other nodes that are asked after, of those that clients follow',
  },
  sharedWatchMs: { value: 2_000, unit: 'ms', reason: 'how often; a person who looks on sees it move' },
} as const satisfies Record<string, Limit>
