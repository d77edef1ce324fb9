import { sha256 } from '../../runtime/base/index.ts'
import type { BlobRef, ReduceShard, ReplicaShard } from '../../runtime/protocol/index.ts'

/** A blob that is nowhere, by a word. */
export function namedBlob(word: string, sizeBytes = 1_000): BlobRef {
  return { blob: sha256(new TextEncoder().encode(word)), sizeBytes }
}

/** A training shard of a round, as a program emits it: a member that holds what it goes on from. */
export function replicaShard({
  slices,
  steps = 30,
  ...over
}: {
  readonly slices: number[]
  readonly steps?: number
} & Partial<ReplicaShard['replica']>): ReplicaShard {
  const rows = { table: namedBlob('rows', 1 << 20), firstRow: 0, rows: 1_000 }
  return {
    kind: 'train',
    model: { graph: namedBlob('step'), weights: [] },
    state: namedBlob('state', 20_000),
    data: rows,
    fromStep: 60,
    steps,
    seed: 1,
    learningRate: { kind: 'constant', rate: 0.1 },
    commitEvery: 100,
    replica: {
      round: 2,
      mode: 'local',
      lineage: namedBlob('lineage').blob,
      held: true,
      at: [],
      updates: [],
      inner: namedBlob('inner'),
      batches: [{ from: 240, count: steps }],
      position: 240,
      stride: 4,
      outer: { rate: 0.7, momentum: 0.9 },
      compression: { kind: 'i4' },
      compressed: { kind: 'i4' },
      slices,
      member: 0,
      ...over,
    },
  }
}

/** A slice of a round to aggregate. */
export function reduceShard(over: Partial<ReduceShard>): ReduceShard {
  return {
    kind: 'reduce',
    round: 2,
    slice: 0,
    length: 4_096,
    plain: 0,
    contributions: [{ member: 0, update: namedBlob('update'), at: PEER, weight: 30 }],
    aggregation: { rule: 'mean' },
    compressed: { kind: 'i4' },
    compression: { kind: 'i4' },
    ...over,
  }
}

/** A peer id of the right length. */
export const PEER = '12D3KooWGatU8DN6TjbLfB9cw7cq8tQ6rhfhJcUYbZZ1c1mKZ1bm'
