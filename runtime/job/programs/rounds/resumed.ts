import type { RoundOutcome } from '../../../protocol/index.ts'
import { progressOf } from '../training.ts'
import { addRound, addSnapshot, countingParts, emptyHistory, newestSnapshot, presentRound } from './history.ts'
import { isShared, type RoundsOptions } from './options.ts'
import { described } from './probing.ts'
import { batchesIn, SampleAccount } from './sample-account.ts'
import type { RoundsState } from './state.ts'

/** Where a training by rounds stands after what an earlier run came to; the rounds that it opened and did not close aside. */
export function resumed({ training, before, select }: RoundsOptions): RoundsState {
  const history = emptyHistory(training)
  const account = new SampleAccount(training.steps)
  const recipe = before.rounds.at(-1)?.recipe
  const state: RoundsState = {
    history,
    account,
    standings: new Map(),
    progress: {
      ...progressOf(
        before.parts.flatMap(({ checkpoint }) => checkpoint ?? []),
        select,
      ),
    },
    scaled: undefined,
    recipe,
    sync: recipe && described(recipe),
    probe: undefined,
    open: undefined,
    late: new Map(),
    snapshot: undefined,
    due: undefined,
    snapshotFailures: [],
    begun: undefined,
    kept: new Map(),
    parts: before.parts.length,
    paceMs: undefined,
    reduceMs: undefined,
    fruitless: 0,
    furthest: 0,
    setbacks: 0,
    named: [],
    takenBack: undefined,
    freshFrom: undefined,
    stuckSinceMs: undefined,
    returning: undefined,
    isOver: false,
    shown: undefined,
  }
  const manifests = new Map(before.rounds.map((manifest) => [manifest.round, manifest]))
  for (const { round } of before.parts) if (round) keepAll(state, round)
  for (const { round: outcome, checkpoint, shard } of countingParts(before.parts, manifests)) {
    if (isShared(checkpoint)) {
      addSnapshot(history, checkpoint)
      state.kept.set(shard, { kind: 'snapshot', round: checkpoint.shared.round, peer: checkpoint.shared.at })
    }
    const manifest = outcome && manifests.get(outcome.round)
    if (!outcome || !manifest) continue
    addRound(history, manifest, outcome)
    for (const { batches } of outcome.counted) account.remove(batches)
    for (const { peer } of outcome.counted) standOf(state, peer, outcome.round)
    const steps = Math.max(...outcome.counted.map(({ batches }) => batchesIn(batches)))
    state.paceMs = (outcome.closedWallMs - outcome.openedWallMs) / steps
  }
  const round = presentRound(history)
  state.furthest = round
  const last = before.parts.findLast((part) => part.round)?.round?.round
  if (last !== undefined && last >= round) {
    // it went back, and has closed no round since: as `takeBack` left it
    state.takenBack = round
    if (newestSnapshot(history).round === round) state.freshFrom = round
  }
  return state
}

/** The round that an earlier run opened, and did not close. */
export function openManifest({ before }: RoundsOptions, { history }: RoundsState) {
  const lineage = history.lineages.at(-1)
  return before.rounds.find((manifest) => manifest.round === presentRound(history) && manifest.lineage === lineage)
}

function standOf({ standings }: RoundsState, peer: string, round: number): void {
  standings.set(peer, {
    slots: 0,
    isSilent: false,
    isGone: false,
    broughtTo: round,
    failuresInARow: 0,
    outUntil: 0,
    restsUntilMs: 0,
    haste: 1,
    reductionsFailed: 0,
    reducesFrom: 0,
  })
}

/** Workers have what came out of a round until it is let go of, were it done again or not. */
function keepAll({ kept }: RoundsState, { round, counted, aggregates }: RoundOutcome): void {
  for (const { shard, peer } of counted) kept.set(shard, { kind: 'train', round, peer })
  for (const { shard, at } of aggregates) kept.set(shard, { kind: 'reduce', round, peer: at })
}
