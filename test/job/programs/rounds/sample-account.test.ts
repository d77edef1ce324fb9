import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SampleAccount } from '../../../../runtime/job/programs/rounds/sample-account.ts'

const test = suite('the sample account')

test('the lowest batches go first, and what came back before all others', () => {
  const account = new SampleAccount(10)
  assert.equal(account.take(4), [{ from: 0, count: 4 }])
  assert.equal(account.take(2), [{ from: 4, count: 2 }])
  account.giveBack([{ from: 1, count: 2 }])
  account.giveBack([{ from: 4, count: 1 }])
  assert.is(account.left, 7)
  assert.equal(account.take(5), [
    { from: 1, count: 2 },
    { from: 4, count: 1 },
    { from: 6, count: 2 },
  ])
})

test('a batch is with one member at a time', () => {
  const account = new SampleAccount(10)
  account.remove([{ from: 3, count: 2 }])
  assert.throws(() => account.remove([{ from: 4, count: 1 }]), /with a member/)
  account.giveBack([{ from: 3, count: 1 }])
  assert.throws(() => account.giveBack([{ from: 3, count: 1 }]), /twice/)
  assert.throws(() => account.take(10), /9 are left/)
})

test.run()
