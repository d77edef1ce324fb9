import type { JobProgram } from '../program.ts'
import { closeCollecting } from './collecting.ts'
import { hear } from './hearing.ts'
import { presentRound } from './history.ts'
import { candidates } from './members.ts'
import { openRound, reopenRound } from './opening.ts'
import type { RoundsOptions } from './options.ts'
import { closeRound } from './reducing.ts'
import { releaseOld } from './releases.ts'
import { openManifest, resumed } from './resumed.ts'
import { becomeDue, orderSnapshot } from './snapshots.ts'
import type { RoundsState } from './state.ts'
import { stop } from './stopping.ts'
import { takeBack } from './taking-back.ts'
import { Turn } from './turn.ts'
import { viewOf } from './view.ts'
import { STUCK_MS } from './waking.ts'

/**
 * Training by rounds (Douillard et al. 2023, "DiLoCo"; with a step in two parts, synchronous data parallelism): members
 * learn from batches of their own, what they learned becomes one, and all go on from that. Nobody is waited for beyond a
 * round's deadline; every batch counts once.
 */
export function rounds(options: RoundsOptions): JobProgram<RoundsState> {
  return {
    start(nowMs) {
      const turn = new Turn(options, resumed(options), nowMs)
      begin(turn)
      return turn.answer(viewOf(turn))
    },
    step(state, event, nowMs) {
      const turn = new Turn(options, state, nowMs)
      if (!state.isOver) {
        hear(turn, event)
        goOn(turn)
      }
      return turn.answer(viewOf(turn))
    },
  }
}

function begin(turn: Turn): void {
  const { state, options, nowMs } = turn
  const manifest = openManifest(options, state)
  if (manifest) reopenRound(turn, manifest)
  else {
    const last = state.history.closed.at(-1)?.manifest.members.map(({ peer }) => peer)
    if (last) state.returning = { peers: new Set(last), untilMs: nowMs + options.request.rounds.deadline.leastMs }
  }
  releaseOld(turn)
  const last = state.progress.last
  if (presentRound(state.history) > (last?.shared?.round ?? 0))
    becomeDue(turn, last?.step ?? 0, presentRound(state.history))
  goOn(turn)
}

/** Does what can be done now: closes what is complete, opens what comes next, until nothing more changes. */
function goOn(turn: Turn): void {
  const { state } = turn
  while (!state.isOver) {
    const { open } = state
    if (open ? (open.reducing ? closeRound(turn, open) : closeCollecting(turn, open)) : next(turn)) continue
    break
  }
  if (!state.isOver) orderSnapshot(turn)
}

/** Opens the next round, or ends; says whether anything changed. */
function next(turn: Turn): boolean {
  const { state, options, nowMs } = turn
  if (state.history.position >= options.training.steps) {
    if (state.progress.last?.shared?.round === presentRound(state.history)) {
      stop(turn)
      return true
    }
    orderSnapshot(turn)
    return waitsTooLong(turn, state.snapshot === undefined)
  }
  const { returning } = state
  if (returning && nowMs < returning.untilMs) {
    const isBack = [...returning.peers].every((peer) => (state.standings.get(peer)?.slots ?? 0) > 0)
    if (!isBack) return false
  }
  orderSnapshot(turn) // before the next shard of its member, which goes on from what is to be kept
  if (openRound(turn)) return true
  return waitsTooLong(turn, candidates(turn).length === 0)
}

/** Those who are here wait for what others have; goes back where these do not come. Says whether it did. */
function waitsTooLong(turn: Turn, isMissing: boolean): boolean {
  const { state, nowMs } = turn
  const isStuck = isMissing && [...state.standings.values()].some(({ slots }) => slots > 0)
  state.stuckSinceMs = isStuck ? (state.stuckSinceMs ?? nowMs) : undefined
  return state.stuckSinceMs !== undefined && nowMs >= state.stuckSinceMs + STUCK_MS && takeBack(turn)
}
