import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Random, seededRandom, sha256 } from '../../../../runtime/base/index.ts'
import {
  type PartOrder,
  type ProgramEvent,
  reportOf,
  type SweepOptions,
  type SweepState,
  strategyOf,
  sweep,
  training,
} from '../../../../runtime/job/programs/index.ts'
import {
  type ShardSpec,
  type SweepBudget,
  type SweepStrategy,
  shardId,
  type TrainShard,
} from '../../../../runtime/protocol/index.ts'

const test = suite('the sweep program')

const ref = (name: string) => ({ blob: sha256(Buffer.from(name)), sizeBytes: 1 })
const model = { graph: ref('step'), weights: [] }
const data = { table: ref('rows'), firstRow: 0, rows: 100 }
const receipt = { worker: 'someone', computeMs: 1 }
const select = { metric: 'loss', goal: 'min', minDelta: 0 } as const

/** What a sweep is played with. */
interface Play {
  readonly trials: number
  readonly strategy: SweepStrategy
  readonly budget?: SweepBudget
  /** Steps of each. Default: 270. */
  readonly steps?: number
  /** The loss of a trial at a step. Default: the trial's number, whenever. */
  readonly loss?: (trial: number, step: number) => number | undefined
  /** Trials that diverge, and after which step. */
  readonly diverges?: Readonly<Record<number, number>>
}

const ASHA: SweepStrategy = { kind: 'asha', eta: 3, minSteps: 10 }

function optionsOf(
  { trials, strategy, budget = {}, steps = 270 }: Play,
  parts: readonly PartOrder[] = [],
): SweepOptions {
  const lengths = Array.from({ length: trials }, () => steps)
  return {
    ...{ lengths, select, budget },
    strategy: byTheRule(strategy, lengths),
    trial(index, to, before) {
      const evaluation = { model, data, batchSize: 5, everySteps: steps }
      const request = {
        seed: index,
        learningRate: { kind: 'constant', rate: 1 },
        stepsPerShard: 100,
        commitEvery: 10,
      } as const
      const spec = { state: ref('start'), data, steps: to, batchSize: 10, evaluation }
      return training({ model, training: spec, request, select, before })
    },
    before: parts.map(({ trial, checkpoint }) => ({ trial: trial!, checkpoint: checkpoint! })),
  }
}

/** The strategy, each of its decisions looked over: who goes on is among the best of its rung at that moment, one in `eta`. */
function byTheRule(spec: SweepStrategy, lengths: readonly number[]): SweepOptions['strategy'] {
  const strategy = strategyOf(spec, select.goal, lengths)
  return {
    ...strategy,
    next(trials) {
      const next = strategy.next(trials)
      const chosen = next === undefined ? undefined : trials[next]!
      if (!chosen || chosen.reached.length === 0) return next
      const value = chosen.reached.at(-1)
      const rung = trials.flatMap(({ reached }) =>
        reached.length >= chosen.reached.length ? [reached[chosen.reached.length - 1]] : [],
      )
      const better = rung.filter((other) => other !== undefined && other < value!).length
      assert.ok(spec.kind === 'asha' && value !== undefined && better < Math.floor(rung.length / spec.eta))
      return next
    },
  }
}

/** A sweep at its workers: who computes what, in whatever order, and all that it said. */
class Players {
  readonly play: Play
  readonly open = new Map<string, TrainShard>()
  readonly parts: PartOrder[] = []
  readonly forgotten = new Set<string>()
  readonly cancelled: string[] = []
  /** Steps that were begun. */
  begun = 0
  done: { readonly ok: boolean } | undefined
  state!: SweepState
  wakeAtMs: number | undefined
  nowMs = 0
  #program

  constructor(play: Play, parts: readonly PartOrder[] = []) {
    this.play = play
    this.parts.push(...parts)
    this.#program = sweep(optionsOf(play, parts))
    this.#take(this.#program.start(this.nowMs))
  }

  hear(event: ProgramEvent): void {
    this.#take(this.#program.step(this.state, event, this.nowMs))
  }

  workers(slots: number): void {
    this.hear({ type: 'workers', workers: [{ peer: 'someone', isSilent: false, slots }] })
  }

  /** One of the shards under way ends. */
  finish(id: string): void {
    const spec = this.open.get(id)!
    this.open.delete(id)
    const to = spec.fromStep + spec.steps
    const { loss = (trial) => trial, diverges = {} } = this.play
    if (to > (diverges[spec.seed] ?? Number.POSITIVE_INFINITY)) {
      const failure = { peer: 'someone', code: 'train.diverged', message: 'the loss is NaN', retryable: false }
      this.hear({ type: 'poison', shard: id as TrainShard['state']['blob'], failures: [failure] })
      return
    }
    const value = spec.evaluation ? loss(spec.seed, to) : undefined
    const trained = {
      state: ref(`${spec.seed} at ${to}`),
      ...(value !== undefined && { validation: { loss: value } }),
    }
    this.hear({ type: 'accepted', shard: id as TrainShard['state']['blob'], outputs: ref('metrics'), trained, receipt })
  }

  /** All that is left, in an order by chance. */
  end(random: Random): this {
    while (!this.done) {
      const ids = [...this.open.keys()]
      assert.ok(ids.length > 0, 'it neither ends nor goes on')
      this.finish(ids[Math.floor(random.float() * ids.length)]!)
    }
    return this
  }

  get rows() {
    return reportOf(
      this.state.trials,
      this.state.trials.map((_, i) => ({ i })),
      select,
      this.done !== undefined,
    )
  }

  #take(step: ReturnType<ReturnType<typeof sweep>['start']>): void {
    this.state = step.state
    for (const shard of step.shards as TrainShard[]) {
      assert.not(this.open.has(shardId(shard as ShardSpec)), 'the same shard twice')
      assert.not(this.forgotten.has(shard.state.blob), 'it begins with a state that was let go')
      this.open.set(shardId(shard), shard)
      this.begun += shard.steps
    }
    for (const shard of step.cancel) {
      this.open.delete(shard)
      this.cancelled.push(shard)
    }
    this.parts.push(...step.parts)
    for (const { blob } of step.forget ?? []) this.forgotten.add(blob)
    this.wakeAtMs = step.wakeAtMs ?? this.wakeAtMs
    this.done = step.done
    if (step.done) assert.is(this.open.size, 0, 'it ends with shards under way')
  }
}

test('without a strategy each trial is taken to its end, as many at once as there are slots', () => {
  const players = new Players({ trials: 5, strategy: { kind: 'full' } })
  assert.is(players.open.size, 1, 'one that waits says why')
  players.workers(3)
  assert.is(players.open.size, 3)
  players.end(seededRandom(1))
  assert.equal(players.done, { ok: true })
  assert.equal(
    players.rows.map(({ rank, state, steps }) => [rank, state, steps]),
    [1, 2, 3, 4, 5].map((rank) => [rank, 'done', 270]),
  )
  assert.not(players.forgotten.has(ref('0 at 270').blob), 'the best state stays')
  assert.ok(players.forgotten.has(ref('1 at 270').blob))
})

test('ASHA: the best third of a rung goes on, three times as far, and the best trial to its end', () => {
  const players = new Players({ trials: 27, strategy: ASHA, loss: (trial) => (trial * 10) % 27 })
  players.workers(1)
  players.end(seededRandom(1))
  const steps = players.rows.map((row) => row.steps)
  assert.is(steps[0], 270, 'trial 0 has the least loss')
  assert.is(players.rows[0]!.rank, 1)
  assert.equal(
    [...new Set(steps)].sort((a, b) => a - b),
    [10, 30, 90, 270],
  )
  const total = steps.reduce((sum, each) => sum + each, 0)
  assert.ok(total <= 0.35 * 27 * 270, `${total} steps`)
  assert.equal(new Set(players.rows.map(({ state }) => state)), new Set(['done', 'stopped']))
})

test('rungs are shares of a trial, so that all are compared after as many samples', () => {
  const { rungs } = strategyOf({ kind: 'asha', eta: 3, minSteps: 5 }, 'min', [90, 180, 50])
  assert.equal(rungs(90), [10, 30, 90])
  assert.equal(rungs(180), [20, 60, 180])
  assert.equal(rungs(50), [6, 17, 50])
  assert.equal(strategyOf({ kind: 'asha', eta: 3, minSteps: 100 }, 'min', [90]).rungs(90), [90])
})

test('a trial that diverges is a row, with why; a sweep all of whose trials do has failed', () => {
  const players = new Players({ trials: 3, strategy: { kind: 'full' }, diverges: { 0: 0, 2: 150 } })
  players.workers(2)
  players.end(seededRandom(4))
  assert.equal(players.done, { ok: true })
  assert.equal(
    players.rows.map(({ state, steps, rank, failure }) => [state, steps, rank, failure?.code]),
    [
      ['failed', 0, undefined, 'train.diverged'],
      ['done', 270, 1, undefined],
      ['failed', 100, undefined, 'train.diverged'],
    ],
  )
  assert.ok(players.forgotten.has(ref('2 at 100').blob), 'nothing goes on from there')
  const none = new Players({ trials: 2, strategy: { kind: 'full' }, diverges: { 0: 0, 1: 0 } }).end(seededRandom(1))
  assert.is(none.done?.ok, false)
})

test('when its time is up, what is under way is called off, and the best so far counts', () => {
  const players = new Players({ trials: 9, strategy: ASHA, budget: { ms: 1_000 } })
  players.workers(2)
  assert.is(players.wakeAtMs, 1_000)
  for (let i = 0; i < 4; i++) players.finish([...players.open.keys()][0]!)
  players.nowMs = 1_000
  const open = [...players.open.keys()]
  players.hear({ type: 'time' })
  assert.equal(players.cancelled.sort(), open.sort())
  assert.equal(players.done, { ok: true })
  assert.is(players.rows[0]!.rank, 1)
})

test('the time before a restart counts, and time in which it did not run does not', () => {
  const players = new Players({ trials: 2, strategy: { kind: 'full' }, budget: { ms: 1_000 } })
  players.nowMs = 600
  players.finish([...players.open.keys()][0]!)
  const again = new Players(players.play, players.parts)
  assert.is(again.wakeAtMs, 400)
})

test('trials that come to the same work share it, and its states are let go with the last of them', () => {
  const play: Play = { trials: 2, strategy: { kind: 'full' } }
  const { trial, ...options } = optionsOf(play)
  const program = sweep({ ...options, trial: (_, steps, before) => trial(0, steps, before) })
  let step = program.start(0)
  step = program.step(step.state, { type: 'workers', workers: [{ peer: 'a', isSilent: false, slots: 2 }] }, 0)
  assert.is(step.shards.length, 0, 'the first trial has it under way')
  const [shard] = step.state.owners.keys()
  const trained = { state: ref('both'), validation: { loss: 1 } }
  step = program.step(step.state, { type: 'accepted', shard: shard!, outputs: ref('metrics'), trained, receipt }, 0)
  assert.equal(
    step.parts.map((part) => [part.index, part.trial?.trial]),
    [
      [0, 0],
      [1, 1],
    ],
  )
  assert.is(step.shards.length, 1)
})

test('by chance: no more go on than the rule allows, the budget is kept, each trial is a chain, a restart changes nothing', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const below = (count: number) => Math.floor(random.float() * count)
    const trials = 1 + below(30)
    const values = Array.from({ length: trials }, () => below(10))
    const play: Play = {
      trials,
      steps: 30 + below(300),
      strategy: below(4) === 0 ? { kind: 'full' } : { kind: 'asha', eta: 2 + below(3), minSteps: 1 + below(20) },
      loss: (trial, step) => (values[trial] === 7 ? undefined : values[trial]! + ((trial * step) % 5)),
      diverges: Object.fromEntries([...values.keys()].filter(() => below(8) === 0).map((trial) => [trial, below(300)])),
      ...(below(3) === 0 && { budget: { steps: 100 + below(2_000) } }),
    }
    let players = new Players(play)
    for (;;) {
      check(players, play)
      if (players.done) break
      const ids = [...players.open.keys()]
      const dice = below(12)
      if (dice === 0) players.workers(below(6))
      else if (dice === 1) players = restarted(players, play)
      else players.finish(ids[below(ids.length)]!)
    }
    const failed = players.rows.filter(({ state }) => state === 'failed')
    for (const { trial } of failed) assert.ok(trial in play.diverges!, `seed ${seed}`)
    const whole = players.parts.map(({ index }) => index)
    assert.equal(whole, [...whole.keys()], 'parts are numbered in their order')
  }
})

/** A restart from what is durable: decisions that led to the last part are made again, to the letter. */
function restarted(before: Players, play: Play): Players {
  const again = new Players(play, before.parts)
  const last = before.parts.at(-1)?.trial?.begun ?? 0
  assert.ok(again.state.begun >= last)
  for (const [index, { reached, checkpoints }] of again.state.trials.entries()) {
    const was = before.state.trials[index]!
    assert.equal(checkpoints, was.checkpoints)
    if (was.state !== 'failed') assert.equal(reached, was.reached, 'as far as before')
  }
  return again
}

function check({ state, parts }: Players, { budget, steps }: Play): void {
  const { trials } = state
  if (budget?.steps !== undefined) {
    assert.ok(state.planned <= budget.steps, 'more was begun than the budget allows')
    const taken = trials.reduce((sum, { checkpoints }) => sum + (checkpoints.at(-1)?.step ?? 0), 0)
    assert.ok(taken <= state.planned)
  }
  for (const [index, { checkpoints }] of trials.entries()) {
    const mine = parts.filter(({ trial }) => trial?.trial === index)
    let step = 0
    for (const part of mine) {
      assert.is(part.firstRow, step, 'each part goes on where the one before it ended')
      step += part.rows
      assert.is(part.checkpoint!.step, step)
    }
    assert.ok(step <= steps!)
    assert.is(checkpoints.length, mine.length)
  }
}

test.run()
