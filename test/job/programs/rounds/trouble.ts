import type { RoundsOptions } from '../../../../runtime/job/programs/index.ts'
import { optionsOf, VirtualRun } from './virtual-run.ts'

/** Mulberry32: the same numbers for the same seed. */
function chanceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function someOptions(chance: () => number): RoundsOptions {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(chance() * values.length)]!
  const evaluation = { model: { graph: { blob: 'e'.repeat(64), sizeBytes: 1 }, weights: [] }, batchSize: 5 }
  const data = { table: { blob: 'd'.repeat(64), sizeBytes: 1 }, firstRow: 0, rows: 10 }
  return optionsOf({
    training: {
      steps: 40 + Math.floor(chance() * 200),
      ...(chance() < 0.5 && { evaluation: { ...evaluation, data, everySteps: 30 } }),
    },
    rounds: {
      workers: { min: pick(1, 2), max: pick(4, 8, 64) },
      sync: chance() < 0.2 ? 'auto' : 'diloco',
      recipe: { localSteps: pick(1, 3, 8) },
      aggregation: pick({ rule: 'mean' }, { rule: 'mean' }, { rule: 'median' }, { rule: 'trimmed-mean', trim: 1 }),
      late: pick({ rule: 'return' }, { rule: 'weigh', factor: 0.5, maxAge: 2 }),
      balance: pick('speed', 'equal'),
      snapshotEvery: pick(1, 3, 8),
      replacement: pick('committed', 'zero'),
    },
  })
}

/** Workers come, go, stop, come late and fail; the submitter dies; in the end all is well again, and the training ends. */
export function play(seed: number): VirtualRun {
  const chance = chanceOf(seed)
  const options = someOptions(chance)
  const count = (options.request.rounds.aggregation.rule === 'trimmed-mean' ? 3 : 2) + Math.floor(chance() * 6)
  const run = new VirtualRun(
    options,
    Array.from({ length: count }, () => 20 + Math.floor(chance() * 300)),
  )
  const troubles = Math.floor(chance() * 25)
  run.whim = (spec) => {
    if (run.nowMs > 60_000 || chance() > 0.03) return undefined
    const isReduce = spec.kind === 'reduce'
    if (isReduce && chance() < 0.5) {
      const member = Math.floor(chance() * spec.contributions.length)
      return { code: 'update.contribution', message: `member ${member}: a scale is NaN` }
    }
    return { code: isReduce || chance() < 0.5 ? 'engine.crashed' : 'replica.lost', message: 'for once' }
  }
  for (let i = 0; i < troubles; i++)
    run.at(1_000 + chance() * 50_000, () => {
      const peers = [...run.members.keys()]
      const peer = peers[Math.floor(chance() * peers.length)]!
      const kind = chance()
      if (kind < 0.25) run.leave(peer, { forgets: chance() < 0 })
      else if (kind < 0.45)
        run.member(peer).state = run.member(peer).state === 'up' ? 'stopped' : run.member(peer).state
      else if (kind < 0.75) run.comeBack(peer)
      else if (kind < 0.85 && peers.length < 10) {
        run.add(`n${i}`, 20 + Math.floor(chance() * 300))
        run.tellWorkers()
      } else run.restart({ loses: chance() < 0.5 })
    })
  run.at(60_001, () => {
    for (const peer of run.members.keys()) run.comeBack(peer)
  })
  run.run(100_000_000)
  return run
}
