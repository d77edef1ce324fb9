import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { leftOut } from '../../../../runtime/job/programs/rounds/left-out.ts'
import { optionsOf, VirtualRun } from './virtual-run.ts'

test('of a member whose machine failed the code alone is recorded', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.whim = (spec, { peer }) =>
    peer === 'p1' && spec.kind === 'train' ? { code: 'disk.full', message: 'no room in /home/somebody' } : undefined
  run.run()
  const excluded = run.journal.parts.flatMap(({ round }) => round?.excluded ?? [])
  assert.equal(excluded[0], { peer: 'p1', code: 'disk.full', message: '' })
  assert.is(leftOut('p', 'round.late', 'm'.repeat(2_000)).message.length, 1024)
})

test.run()
