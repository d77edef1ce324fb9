import type { JobNews } from '../../../kernel/job-news.ts'
import type { JobStatus, NodeEvent, NodeEventBody, ResultPart } from '../../../runtime/protocol/index.ts'
import { jobStatus } from '../../support/fake-node-service.ts'

/** A peer id that looks real. */
export const peer = (character: string) => `12D3Koo${character.repeat(45)}`
const digest = (character: string) => character.repeat(64)
/** When sample jobs were made. Ms. */
export const MADE_WALL_MS = 1_750_000_000_000

/** News of an event, `afterMs` after the job was made. */
export function at(afterMs: number, body: NodeEventBody): JobNews {
  return { type: 'event', event: { ...body, seq: afterMs, atWallMs: MADE_WALL_MS + afterMs } as NodeEvent }
}

/** What one worker has done. */
export function share(character: string, changes: Partial<JobStatus['workers'][number]> = {}) {
  return {
    ...{ peer: peer(character), name: `worker-${character.toLowerCase()}`, shards: 3, rows: 300, computeMs: 1_500 },
    ...{ running: 1, state: 'alive' as const, ...changes },
  }
}

/** A state of a sample job. */
export function status(changes: Partial<JobStatus> = {}): JobStatus {
  return jobStatus({
    ...{ name: 'digits', createdWallMs: MADE_WALL_MS, outputDir: '/data/results/digits' },
    shards: { emitted: 10, waiting: 4, running: 2, writing: 0, done: 4, failed: 0, copies: 0, retries: 0 },
    rows: { read: 600, done: 400, total: 1_000 },
    bytes: { sent: 2_000_000, received: 40_000 },
    workers: [share('A'), share('B', { rows: 100, computeMs: 2_000 })],
    ...changes,
  })
}

/** A closed round as a part. */
export function roundPart(round: number, members: readonly string[], excluded: readonly string[] = []): ResultPart {
  const blob = { blob: digest('a'), sizeBytes: 5_400 }
  return {
    ...{ index: round, file: 'part.arrow', firstRow: 16 * round, rows: 16, sha256: digest('5'), shard: digest('6') },
    round: {
      round,
      counted: members.map((name) => ({
        ...{
          peer: peer(name),
          round,
          shard: digest('7'),
          weight: 1,
          batches: [{ from: 0, count: 8 }],
          updates: [blob],
        },
        ...{ inner: blob, computeMs: 700 },
      })),
      excluded: excluded.map((name) => ({
        peer: peer(name),
        code: 'round.deadline',
        message: 'it was not done in time',
      })),
      aggregates: [{ update: blob, at: peer('A'), shard: digest('8') }],
      lineage: digest('9'),
      openedWallMs: MADE_WALL_MS + 1_000 * round,
      closedWallMs: MADE_WALL_MS + 1_000 * round + 900,
    },
  }
}

/** A checkpoint of a training, or of a sweep's trial. */
export function checkpointPart(step: number, validation: Readonly<Record<string, number>>, trial?: number): ResultPart {
  return {
    ...{ index: step, file: 'part.arrow', firstRow: step - 100, rows: 100, sha256: digest('5'), shard: digest('6') },
    checkpoint: { step, state: { blob: digest('b'), sizeBytes: 10 }, validation },
    ...(trial !== undefined && { trial: { trial, begun: 1, elapsedMs: 10 } }),
  }
}
