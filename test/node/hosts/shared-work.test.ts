import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { peerError } from '../../../runtime/base/index.ts'
import { SharedWork } from '../../../runtime/node/hosts/shared-work.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'

const LINGER_MS = 5_000

function world() {
  const clock = new VirtualClock()
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const seen: { signal?: AbortSignal; begun: number } = { begun: 0 }
  const work = new SharedWork(clock, LINGER_MS, (signal) => {
    seen.signal = signal
    seen.begun++
    return promise
  })
  return { clock, work, resolve, reject, seen }
}
const outcome = (promise: Promise<string>) => codeOf(() => promise)

test('work that several want is done once, and each gets what comes of it', async () => {
  const { clock, work, resolve, seen } = world()
  const never = new AbortController().signal
  const all = [work.join(never), work.join(never)]
  await clock.advanceAsync(0)
  resolve('here')
  assert.equal(await Promise.all(all), ['here', 'here'])
  assert.is(await work.join(never), 'here')
  assert.is(seen.begun, 1)
  assert.ok(work.over)
  assert.is(clock.pending, 0)
})

test('who calls it off is let go at once; the work goes on for the others', async () => {
  const { clock, work, resolve, seen } = world()
  const [first, second] = [new AbortController(), new AbortController()]
  const [gone, stays] = [outcome(work.join(first.signal)), work.join(second.signal)]
  first.abort()
  assert.is(await gone, 'aborted')
  await clock.advanceAsync(10 * LINGER_MS)
  assert.not(seen.signal?.aborted)
  resolve('here')
  assert.is(await stays, 'here')
})

test('when nobody wants it, it goes on for a while, in case somebody does again', async () => {
  const { clock, work, resolve, seen } = world()
  const [first, second] = [new AbortController(), new AbortController()]
  const gone = outcome(work.join(first.signal))
  first.abort()
  await gone
  await clock.advanceAsync(LINGER_MS - 1)
  const again = work.join(second.signal)
  await clock.advanceAsync(10 * LINGER_MS)
  assert.not(seen.signal?.aborted)
  resolve('here')
  assert.is(await again, 'here')
  assert.is(clock.pending, 0)
})

test('then it ends, and the next one begins anew', async () => {
  const { clock, work, seen } = world()
  const first = new AbortController()
  const gone = outcome(work.join(first.signal))
  first.abort()
  await gone
  assert.not(work.over)
  await clock.advanceAsync(LINGER_MS)
  assert.ok(seen.signal?.aborted)
  assert.ok(work.over)
})

test('what the work throws, all who want it are told', async () => {
  const { clock, work, reject } = world()
  const never = new AbortController().signal
  const all = [outcome(work.join(never)), outcome(work.join(never))]
  reject(peerError('blob.no-provider', 'nobody has it'))
  assert.equal(await Promise.all(all), ['blob.no-provider', 'blob.no-provider'])
  assert.is(clock.pending, 0)
})

test.run()
