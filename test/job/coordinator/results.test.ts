import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { peerError, silentLogger } from '../../../runtime/base/index.ts'
import type { CoordinatorPorts } from '../../../runtime/job/coordinator/index.ts'
import { Results, type VerifiedResult } from '../../../runtime/job/coordinator/results.ts'
import { namedBlob } from '../../support/round-shards.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('results')

/** What becomes of one result whose state cannot be brought here, by the reason. */
async function fateOf(code: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const results = new Results({
    ports: { clock: new VirtualClock(), logger: silentLogger } as unknown as CoordinatorPorts,
    job: 'job-0000000000000000',
    signal: new AbortController().signal,
    bring: () => Promise.reject(peerError(code, 'for once')),
    accept: () => resolve('accepted'),
    retract: () => resolve('asked for again'),
    poison: (_, [failure]) => resolve(`given up: ${failure?.peer} ${failure?.code}`),
    settle: () => {},
  })
  const receipt = { shard: 'a'.repeat(64), worker: 'A', lease: 'J.1.0', outputs: namedBlob('outputs') }
  results.take({ receipt, inline: new Uint8Array() } as unknown as VerifiedResult)
  return promise
}

test('a snapshot that is none is not asked for again of who made it; what its worker has no more is', async () => {
  assert.is(await fateOf('receipt.snapshot'), 'given up: A receipt.snapshot')
  assert.is(await fateOf('blob.not-found'), 'asked for again')
})

test.run()
