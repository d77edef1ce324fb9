import type { RoundOutcome } from '../../../runtime/protocol/index.ts'

/** A round that was closed. */
export interface RoundRow {
  readonly round: number
  /** Batches that counted before and in it. */
  readonly step: number
  readonly durationMs: number
  /** Who counted, and by how many rounds late. */
  readonly counted: readonly { readonly peer: string; readonly late: number }[]
  readonly excluded: RoundOutcome['excluded']
  /** Of one member's update, the largest, and of what all have back. */
  readonly bytes: { readonly up: number; readonly down: number }
}

/** What a round came to, for a row. */
export function closedRound(outcome: RoundOutcome, step: number): RoundRow {
  const { round, counted, excluded, aggregates, openedWallMs, closedWallMs } = outcome
  const sum = (blobs: readonly { readonly sizeBytes: number }[]) =>
    blobs.reduce((all, { sizeBytes }) => all + sizeBytes, 0)
  return {
    ...{ round, step, excluded },
    durationMs: Math.max(0, closedWallMs - openedWallMs),
    counted: counted.map((each) => ({ peer: each.peer, late: round - each.round })),
    bytes: {
      up: Math.max(0, ...counted.map(({ updates }) => sum(updates))),
      down: sum(aggregates.map(({ update }) => update)),
    },
  }
}
