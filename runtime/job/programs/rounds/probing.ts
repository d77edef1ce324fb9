import type { Compression, RoundRecipe, RoundsRequest } from '../../../protocol/index.ts'
import { chooseRecipe, exchangedBytes } from './choose-recipe.ts'
import { defaultRecipe } from './default-recipe.ts'
import { addRound, removeRound } from './history.ts'
import { giveUpLate } from './late.ts'
import { releaseAll } from './releases.ts'
import { batchesIn } from './sample-account.ts'
import type { OpenRound, Probe } from './state.ts'
import type { Turn } from './turn.ts'

/** Rounds on trial, by what is sent: the second and the last are measured, since members fetch what a round came to in the one after it. */
const TRIALS: readonly Compression[] = [{ kind: 'q2' }, { kind: 'q2' }, { kind: 'i8' }, { kind: 'i8' }]
const MEASURED = [1, 3]
/** Steps of each member in a round on trial. */
const STEPS = 2
/** Of a training, the rounds on trial may be this part at most. */
const SHARE = 0.1

/** How replicas are kept together, from the first round on; begins rounds on trial where that is to be measured. */
export function beginRecipe(turn: Turn, members: number): void {
  const { state, options } = turn
  const { training, request, kind = 'other' } = options
  const { sync, recipe } = request.rounds
  const batches = training.steps
  const isWorthIt = members > 1 && TRIALS.length * STEPS * members <= SHARE * batches
  if (sync === 'auto' && recipe.mode === undefined && isWorthIt) {
    beginTrials(turn)
    state.sync = 'measures links and steps'
    return
  }
  state.recipe = defaultRecipe(request.rounds, { kind, members, batches })
  state.sync = described(state.recipe)
}

/** Rounds are on trial, from the first one on: none that was counts. */
export function beginTrials(turn: Turn): void {
  const { state } = turn
  forgetTrials(turn)
  state.probe = { done: 0, exchanges: [], stepMs: 0 }
  state.recipe = trialOf(0)
}

/** A round on trial is over: the next one begins, or a recipe is chosen and the training begins anew with it. */
export function closeTrial(turn: Turn, open: OpenRound, probe: Probe, outcome: Parameters<typeof addRound>[2]): void {
  const { state, options } = turn
  const { training, request, kind = 'other' } = options
  const { counted } = outcome
  addRound(state.history, open.manifest, outcome)
  state.open = undefined
  if (MEASURED.includes(probe.done)) {
    const slowest = Math.max(...counted.map(({ computeMs }) => computeMs))
    const bytes = exchangedBytes(training.rounds.length, counted.length, open.manifest.recipe.up)
    probe.exchanges.push({ bytes, ms: Math.max(0, turn.nowMs - open.openedMs - slowest) })
    probe.stepMs = Math.max(...counted.map(({ computeMs, batches }) => computeMs / batchesIn(batches)))
  }
  const next = TRIALS[++probe.done]
  if (next) {
    // What rounds came to is read as the recipe of today says: with another one they are no history.
    if (next.kind !== open.manifest.recipe.down.kind) forgetTrials(turn)
    state.recipe = trialOf(probe.done)
    return
  }
  forgetTrials(turn)
  state.probe = undefined
  const members = counted.length
  const { recipe, why } = chooseRecipe({
    ...{ stepMs: probe.stepMs, parameters: training.rounds.length, workers: members, kind },
    ...{ steps: Math.floor(training.steps / members), exchanges: probe.exchanges },
  })
  const isKnown = recipe.mode === 'local' || (training.rounds.gradient && training.rounds.update)
  state.recipe = isKnown
    ? withAsked(recipe, request.rounds.recipe)
    : defaultRecipe(request.rounds, { kind, members, batches: training.steps })
  state.sync = isKnown ? why : `${described(state.recipe)}; gradients would do, but the step came in one part`
}

/** What the request says stands. */
function withAsked(chosen: RoundRecipe, { localSteps, up, down, outer }: RoundsRequest['recipe']): RoundRecipe {
  return {
    mode: chosen.mode,
    localSteps: chosen.mode === 'gradient' ? 1 : (localSteps ?? chosen.localSteps),
    up: up ?? chosen.up,
    down: down ?? chosen.down,
    outer: outer ?? chosen.outer,
  }
}

/** How replicas are kept together, in a line. */
export function described({ mode, localSteps, up, down }: RoundRecipe): string {
  const ways = up.kind === down.kind ? `${up.kind} both ways` : `${up.kind} up, ${down.kind} down`
  return mode === 'gradient' ? `gradients at every step, ${ways}` : `${localSteps} local steps between rounds, ${ways}`
}

function trialOf(trial: number): RoundRecipe {
  const compression = TRIALS[trial]!
  return {
    mode: 'local',
    localSteps: STEPS,
    up: compression,
    down: compression,
    outer: { rate: 1, momentum: 0 },
  }
}

/** All is as if nothing had been learned. */
function forgetTrials(turn: Turn): void {
  const { state } = turn
  for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
  while (state.history.closed.length > 0)
    for (const { batches } of removeRound(state.history).outcome.counted) state.account.giveBack(batches)
  for (const standing of state.standings.values())
    Object.assign(standing, { broughtTo: undefined, failuresInARow: 0, outUntil: 0 })
  releaseAll(turn)
}
