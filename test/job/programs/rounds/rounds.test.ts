import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RoundOutcome } from '../../../../runtime/protocol/index.ts'
import { assertExact } from './exactness.ts'
import { optionsOf, ref, VirtualRun } from './virtual-run.ts'

const test = suite('training by rounds')

const outcomes = (run: VirtualRun): RoundOutcome[] => run.journal.parts.flatMap(({ round }) => round ?? [])
const batchesOf = (outcome: RoundOutcome) =>
  outcome.counted.map(({ batches }) => batches.reduce((sum, { count }) => sum + count, 0))
const peersOf = (outcome: RoundOutcome) => outcome.counted.map(({ peer }) => peer)
const reasons = (outcome: RoundOutcome) => outcome.excluded.map(({ peer, code }) => [peer, code])

test('members learn from batches of their own, and every batch counts once', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.run()
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.equal(outcomes(run).map(batchesOf), [...Array(8).fill([4, 4, 4]), [2, 1, 1]])
  assert.is(run.journal.parts.at(-1)?.checkpoint?.step, 100)
})

test('it waits for as many workers as it asks for; few of them make a star, four a butterfly', () => {
  const run = new VirtualRun(optionsOf({ rounds: { workers: { min: 4, max: 4 } } }), [10, 10, 10])
  run.run(10_000)
  assert.is(run.placed.length, 0)
  assert.is(run.answers.at(-1)?.view?.waits, 'waits for 4 workers, 3 are here')
  run.add('p3', 10)
  run.add('p4', 10)
  run.tellWorkers()
  run.run()
  assertExact(run)
  const [first, second] = outcomes(run)
  assert.equal(peersOf(first!), ['p0', 'p1', 'p2', 'p3'])
  assert.equal(
    first!.aggregates.map(({ at }) => at),
    ['p0', 'p1', 'p2', 'p3'],
  )
  assert.equal(
    second!.aggregates.map(({ at }) => at),
    ['p0', 'p1', 'p2', 'p3'],
  )
  const star = new VirtualRun(optionsOf(), [10, 10, 10])
  star.run()
  assert.ok(outcomes(star).every(({ aggregates }) => aggregates.length === 1))
})

test('one that stops costs the round its deadline; its batches count with others, and it takes part again', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.at(1_160, () => {
    run.member('p1').state = 'stopped'
  })
  run.at(6_000, () => run.comeBack('p1'))
  run.run()
  assertExact(run)
  const missed = outcomes(run).filter(({ excluded }) => excluded.length > 0)
  assert.equal(missed.map(reasons)[0], [['p1', 'round.late']])
  const { openedWallMs, closedWallMs } = missed[0]!
  assert.ok(closedWallMs - openedWallMs < 2_100, `${closedWallMs - openedWallMs} ms`)
})

test('one that leaves costs nothing; one that joins takes part from the next round', () => {
  const run = new VirtualRun(optionsOf({ training: { steps: 200 } }), [10, 10, 10])
  run.at(1_220, () => run.leave('p2'))
  run.at(1_500, () => {
    run.add('n0', 10)
    run.tellWorkers()
  })
  run.run()
  assertExact(run)
  const gone = outcomes(run).find(({ excluded }) => excluded.length > 0)!
  assert.equal(reasons(gone), [['p2', 'round.gone']])
  assert.ok(gone.closedWallMs - gone.openedWallMs < 200)
  const joined = run.placed.filter(({ peer, spec }) => peer === 'n0' && spec.kind === 'train')
  assert.ok(joined.length > 3)
  const before = outcomes(run).find(({ openedWallMs }) => openedWallMs - run.options.wallAtZeroMs >= 1_500)!
  assert.ok(peersOf(before).includes('n0'), 'from the first round that was opened after it came')
  assert.equal(joined.map(({ spec }) => spec.kind === 'train' && spec.replica?.held).slice(0, 2), [false, true])
})

test('a training takes more or fewer workers from the next round on', () => {
  const run = new VirtualRun(
    optionsOf({ training: { steps: 200 }, rounds: { workers: { min: 2, max: 2 } } }),
    [10, 10, 10, 10],
  )
  run.at(1_300, () => run.hear({ type: 'scaled', workers: 4 }))
  run.at(2_000, () => run.hear({ type: 'scaled', workers: 1 }))
  run.run()
  assertExact(run)
  const sizes = outcomes(run).map(({ counted }) => counted.length)
  assert.equal([...new Set(sizes)], [2, 4, 1], sizes.join(' '))
})

test('a submitter that dies goes on to the same rounds, whatever of its last words was durable', () => {
  const said = (run: VirtualRun) =>
    outcomes(run).map(({ counted, lineage, aggregates }) => [
      counted.map(({ shard }) => shard),
      aggregates.map(({ shard }) => shard),
      lineage,
    ])
  const options = optionsOf({ rounds: { balance: 'equal' } })
  const alone = new VirtualRun(options, [10, 11, 12, 13])
  alone.run()
  for (const loses of [false, true]) {
    const run = new VirtualRun(options, [10, 11, 12, 13])
    for (const atMs of [1_020, 1_130, 1_211, 1_333]) run.at(atMs, () => run.restart({ loses }))
    run.run()
    assertExact(run)
    assert.equal(said(run), said(alone), `loses: ${loses}`)
  }
})

test('a diverging member is left out by name; half of them are the end', () => {
  const diverged = { code: 'train.diverged', message: 'the loss of step 3 is NaN' }
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.whim = (spec, { peer }) =>
    spec.kind === 'train' && spec.replica?.round === 1 && spec.steps > 0 && peer === 'p1' ? diverged : undefined
  run.run()
  assertExact(run)
  assert.equal(reasons(outcomes(run)[1]!), [['p1', 'train.diverged']])
  const all = new VirtualRun(optionsOf(), [10, 10, 10])
  all.whim = (spec, { peer }) => (spec.kind === 'train' && peer !== 'p0' ? diverged : undefined)
  all.run()
  assert.is(all.done?.ok, false)
  assert.is(all.done?.ok === false && all.done.failures[0]?.code, 'train.diverged')
})

test('whoever began with another state than most does not count', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.disguise = (receipt, { peer }) =>
    peer === 'p2' && receipt.commitments ? { ...receipt, commitments: [ref('another').blob] } : receipt
  run.run(1_400)
  assert.equal(reasons(outcomes(run)[0]!), [['p2', 'replica.diverged']])
})

test('a contribution of no use is left out on the word of two, one of no shape at once', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.whim = (spec) => {
    const bad = spec.kind === 'reduce' ? spec.contributions.find(({ at }) => at === 'p2') : undefined
    return bad && { code: 'update.contribution', message: `member ${bad.member}: a scale is NaN` }
  }
  run.disguise = (receipt, { peer }) => {
    const { updates: _, ...rest } = receipt
    return peer === 'p1' && receipt.commitments ? rest : receipt
  }
  run.run(1_500)
  assert.equal(reasons(outcomes(run)[0]!).sort(), [
    ['p1', 'receipt.updates'],
    ['p2', 'update.contribution'],
  ])
})

test('what comes late counts by its age where that is the rule', () => {
  const late = { rule: 'weigh', factor: 0.5, maxAge: 4 } as const
  const run = new VirtualRun(optionsOf({ rounds: { late }, training: { steps: 300 } }), [100, 100, 1_000])
  run.run()
  assertExact(run)
  const counted = outcomes(run).flatMap((outcome) => outcome.counted.map((each) => ({ ...each, in: outcome.round })))
  const old = counted.filter((each) => each.in > each.round)
  assert.ok(old.length > 0)
  for (const { weight, batches, ...each } of old) {
    const made = batches.reduce((sum, { count }) => sum + count, 0)
    assert.is(weight, made * 0.5 ** (each.in - each.round))
  }
})

test('a snapshot of another state than most began with is followed by one of somebody else at once', () => {
  const made = (liar: string | undefined) => {
    const run = new VirtualRun(optionsOf({ training: { steps: 400 }, rounds: { snapshotEvery: 6 } }), [10, 10, 10, 10])
    run.disguise = (receipt, { peer }) =>
      peer === liar && !receipt.updates ? { ...receipt, commitments: ['f'.repeat(64)] } : receipt
    run.run()
    assertExact(run)
    assert.equal(run.done, { ok: true })
    return run.journal.parts.flatMap(({ checkpoint }) => checkpoint?.shared ?? [])
  }
  const honest = made(undefined)
  const [liar] = honest.map(({ at }) => at)
  const followed = made(liar)
  const first = followed.findIndex(({ at }) => at === liar)
  const [lie, next] = followed.slice(first)
  assert.is(next!.round, lie!.round + 1)
  assert.is.not(next!.at, liar)
  assert.ok(honest[1]!.round > honest[0]!.round + 1, 'usually there are some rounds between two')
})

test('a snapshot that comes when most have begun with another state is not taken', () => {
  const run = new VirtualRun(optionsOf({ training: { steps: 400 }, rounds: { snapshotEvery: 2 } }), [10, 10, 10, 10])
  const hear = run.hear.bind(run)
  const held: (() => void)[] = []
  let lies = 0
  run.hear = (event) => {
    // the snapshots of one are on their way until the members of the round are done
    const isLie = event.type === 'accepted' && !event.receipt.updates && event.receipt.worker === 'p2'
    const receipt = isLie && run.state.history.position < 400 && { ...event.receipt, commitments: ['f'.repeat(64)] }
    if (receipt) lies++
    if (receipt) held.push(() => hear({ ...event, receipt }))
    else hear(event)
    const { begun, snapshot, history } = run.state
    const isBegun = snapshot && begun?.lineage === history.lineages[snapshot.round]
    if (isBegun) for (const release of held.splice(0)) release()
  }
  run.run()
  assert.equal(run.done, { ok: true })
  const makers = run.journal.parts.flatMap(({ checkpoint }) => checkpoint?.shared?.at ?? [])
  assert.ok(lies > 1)
  assert.ok(makers.length > 4 && !makers.slice(0, -1).includes('p2'), String(makers))
})

test('who does not make the last snapshot in its time is not asked for it again', () => {
  const run = new VirtualRun(optionsOf({ training: { steps: 200 }, rounds: { snapshotEvery: 64 } }), [10, 10, 10])
  const hear = run.hear.bind(run)
  let silent: string | undefined
  run.hear = (event) => {
    const isSnapshot = event.type === 'accepted' && !event.receipt.updates
    if (isSnapshot) silent ??= event.receipt.worker
    if (!isSnapshot || event.receipt.worker !== silent) hear(event)
  }
  run.run()
  assert.equal(run.done, { ok: true })
  const makers = run.journal.parts.flatMap(({ checkpoint }) => checkpoint?.shared?.at ?? [])
  assert.is(makers.length, 1)
  assert.is.not(makers[0], silent)
})

test('no more than a journal entry can name count in a round, however many come late', () => {
  const late = { rule: 'weigh', factor: 0.5, maxAge: 4 } as const
  const training = { steps: 64 * 40 }
  const run = new VirtualRun(
    optionsOf({ rounds: { late, workers: { min: 1, max: 64 } }, training }),
    Array(100).fill(10),
  )
  run.run(run.nowMs + 200)
  for (let i = 0; i < 40; i++) run.member(`p${i}`).stepMs = 900
  run.run()
  assertExact(run)
  const counts = outcomes(run).map(({ counted }) => counted.length)
  assert.is(Math.max(...counts), 64)
})

test('a member twice as fast has about twice the batches, or as many as all others where that is asked for', () => {
  const shares = (balance: 'speed' | 'equal') => {
    const options = optionsOf({ rounds: { balance, recipe: { localSteps: 12 } }, training: { steps: 600 } })
    const run = new VirtualRun(options, [100, 200])
    run.run()
    assertExact(run)
    return batchesOf(outcomes(run).at(-2)!)
  }
  assert.equal(shares('equal'), [12, 12])
  const [fast, slow] = shares('speed')
  assert.ok(fast! / slow! > 1.5 && fast! / slow! < 2.3, `${fast} and ${slow}`)
})

test('it is measured on its way and in the end, and ends early where it gets no better', () => {
  const model = { graph: ref('evaluation'), weights: [] }
  const data = { table: ref('held out'), firstRow: 0, rows: 10 }
  const evaluation = { model, data, batchSize: 5, everySteps: 30 }
  const whole = new VirtualRun(optionsOf({ training: { evaluation } }), [10, 10, 10])
  whole.run()
  const measured = whole.journal.parts.flatMap(({ checkpoint }) => (checkpoint?.validation ? [checkpoint.step] : []))
  assert.equal(measured, [36, 60, 96, 100])
  const select = { metric: 'loss', goal: 'min', minDelta: 1e9, patience: 1 } as const
  const early = new VirtualRun(optionsOf({ training: { evaluation }, select }), [10, 10, 10])
  early.run()
  assert.equal(early.done, { ok: true })
  const steps = early.journal.parts.flatMap(({ checkpoint }) => (checkpoint?.validation ? [checkpoint.step] : []))
  assert.equal(steps, [36, 60])
})

test('auto tries some rounds that do not count, then says what it chose and why', () => {
  const run = new VirtualRun(optionsOf({ rounds: { sync: 'auto', recipe: {} }, training: { steps: 2_000 } }), [10, 10])
  run.run()
  assertExact(run)
  const views = run.answers.flatMap(({ view }) => view?.sync ?? [])
  assert.is(views[0], 'measures links and steps')
  assert.match(views.at(-1)!, /a step takes/)
  assert.is(outcomes(run)[0]?.round, 0)
  assert.is(run.journal.rounds.get(0)?.position, 0)
})

test.run()
