import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/index.ts'
import { assertLeased, wasGiven } from '../../../runtime/job/coordinator/receipt-check.ts'
import type { Receipt } from '../../../runtime/protocol/index.ts'

const test = suite('receipts of leases that are not known')
const given = { epoch: 3, nextLease: 10 }

function outcome(lease: string, epoch: number, isEmployed = true, known: typeof given | undefined = given): string {
  try {
    assertLeased(known, isEmployed, { lease, job: 'job-a', worker: 'w', epoch } as Receipt)
    return 'may be over'
  } catch (error) {
    return isAividaError(error) ? error.code : String(error)
  }
}

test('what was never given has its name', () => {
  for (const [lease, epoch] of [
    ['job-a.3.10', 3],
    ['job-a.4.0', 4],
    ['job-a.3.x', 3],
    ['job-a.3.', 3],
    ['job-b.3.0', 3],
    ['job-a.2.0', 3],
    ['nonsense', 3],
  ] as const)
    assert.is(outcome(lease, epoch), 'receipt.not-leased', lease)
  assert.is(outcome('job-a.3.1', 3, false), 'receipt.not-leased', 'to somebody else')
})

test('what may be over, of this epoch or an earlier one, is not held against its worker', () => {
  assert.is(outcome('job-a.3.9', 3), 'may be over')
  assert.is(outcome('job-a.2.999', 2), 'may be over')
  assert.is(outcome('job-a.3.9', 3, true, undefined), 'may be over', 'its job has ended')
})

test('a lease that was never given is held by nobody', () => {
  const held = (lease: string, epoch: number) => wasGiven(given, { lease, job: 'job-a', epoch })
  assert.equal([held('job-a.3.9', 3), held('job-a.2.999', 2)], [true, true])
  assert.equal([held('job-a.3.10', 3), held('job-a.4.0', 4), held('mine', 2)], [false, false, false])
})

test.run()
