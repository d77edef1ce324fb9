import type { JobRecordDocument, RoundOutcome } from '../../protocol/index.ts'

/** A round that was closed: what it came to, and who was asked to take part. */
export interface RecordedRound {
  readonly outcome: RoundOutcome
  readonly members: readonly string[]
}

/** Time that somebody was at work, ms since the job was made. */
export interface Busy {
  readonly peer: string
  readonly what: 'compute' | 'reduce'
  readonly fromMs: number
  readonly toMs: number
}

/** The rounds of a training that count, in order: of one that was done again the last outcome. */
export function roundsOf({ parts, rounds }: JobRecordDocument): RecordedRound[] {
  const manifests = new Map(rounds.map((manifest) => [manifest.round, manifest]))
  const outcomes = new Map(parts.flatMap(({ round }) => (round ? [[round.round, round] as const] : [])))
  return [...outcomes.values()]
    .sort((a, b) => a.round - b.round)
    .map((outcome) => {
      const asked = manifests.get(outcome.round)?.members.map(({ peer }) => peer) ?? []
      const own = outcome.counted.filter(({ round }) => round === outcome.round).map(({ peer }) => peer)
      return { outcome, members: [...new Set([...asked, ...own])] }
    })
}

/**
 * When workers were at work, as far as is known: of rounds from when receipts came; of other parts up to when they were
 * durable, which is a moment later than they were computed.
 */
export function busyTimes(record: JobRecordDocument): Busy[] {
  const { createdWallMs } = record
  const of = (peer: string, what: Busy['what'], endMs: number, durationMs: number): Busy => ({
    ...{ peer, what },
    fromMs: Math.max(0, endMs - durationMs),
    toMs: Math.max(0, endMs),
  })
  const inRounds = roundsOf(record).flatMap(({ outcome }) => {
    const openedMs = outcome.openedWallMs - createdWallMs
    const closedMs = outcome.closedWallMs - createdWallMs
    return [
      ...outcome.counted.flatMap(({ peer, round, computeMs, doneMs }) => {
        if (round !== outcome.round) return [] // it was at work in another round
        return [of(peer, 'compute', Math.min(closedMs, openedMs + (doneMs ?? computeMs)), computeMs)]
      }),
      ...outcome.aggregates.flatMap(({ at, computeMs, doneMs }) =>
        computeMs === undefined
          ? []
          : [of(at, 'reduce', doneMs === undefined ? closedMs : openedMs + doneMs, computeMs)],
      ),
    ]
  })
  const inParts = record.parts.flatMap(({ round, computedBy = [], atWallMs }) =>
    round || atWallMs === undefined
      ? []
      : computedBy.map(({ peer, computeMs }) => of(peer, 'compute', atWallMs - createdWallMs, computeMs)),
  )
  return [...inRounds, ...inParts]
}
