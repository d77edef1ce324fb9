import * as assert from 'uvu/assert'
import {
  addRound,
  addSnapshot,
  countingParts,
  emptyHistory,
  isShared,
  reduceShardsOf,
  trainShardOf,
} from '../../../../runtime/job/programs/index.ts'
import { shardId } from '../../../../runtime/protocol/index.ts'
import type { VirtualRun } from './virtual-run.ts'

/** Each batch counted once, nothing is kept by anybody, and what was journalled tells each shard that counted. */
export function assertExact(run: VirtualRun): void {
  const parts = countingParts(run.journal.parts, run.journal.rounds)
  const batches = parts
    .flatMap(({ round }) => round?.counted ?? [])
    .flatMap((counted) =>
      counted.batches.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i)),
    )
  assert.equal(
    batches.sort((a, b) => a - b),
    Array.from({ length: run.options.training.steps }, (_, i) => i),
    'each batch counts once',
  )
  let position = 0
  for (const { firstRow, rows: own, others = [], round } of parts.filter((part) => part.round)) {
    assert.is(firstRow, position)
    const rows = others.reduce((sum, other) => sum + other.rows, own)
    assert.is(
      rows,
      round!.counted.flatMap((each) => each.batches).reduce((sum, { count }) => sum + count, 0),
    )
    position += rows
  }
  const kept = [...run.accepted.keys()].filter((shard) => !run.released.has(shard) && !run.unknown.has(shard))
  assert.equal(kept, [], 'all is let go of in the end')
  assertDerivable(run)
}

/** Manifests and outcomes alone tell what each shard of each round was. */
export function assertDerivable({ journal, options, accepted }: VirtualRun): void {
  const history = emptyHistory(options.training)
  for (const { round: outcome, checkpoint } of countingParts(journal.parts, journal.rounds)) {
    if (isShared(checkpoint)) addSnapshot(history, checkpoint)
    if (!outcome) continue
    const manifest = journal.rounds.get(outcome.round)!
    for (const [index, { shard }] of manifest.members.entries())
      assert.is(shardId(trainShardOf(options, manifest, index, history)), shard)
    for (const [i, spec] of reduceShardsOf(options, manifest, outcome, history).entries())
      assert.equal(spec, accepted.get(outcome.aggregates[i]!.shard)?.spec)
    addRound(history, manifest, outcome)
  }
}
