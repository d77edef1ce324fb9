import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, silentLogger, sleep } from '../../../runtime/base/index.ts'
import { memoryBlobStore, serveBlobs } from '../../../runtime/data/blob/index.ts'
import { EngineHost } from '../../../runtime/node/hosts/engine-host.ts'
import type { Lease } from '../../../runtime/protocol/index.ts'
import { channelPair } from '../../data/blob/channel-pair.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'

const CHUNK_MS = 1_000

/** A worker's host, and a submitter that takes a second for each chunk of a model of four. */
async function world() {
  const clock = new VirtualClock()
  const [there, here] = [await memoryBlobStore({ clock }), await memoryBlobStore({ clock })]
  const graph = await there.put(Buffer.alloc((4 << 20) - 9, 'model'))
  const seen = { streams: 0, chunks: 0 }
  const slow: Parameters<typeof serveBlobs>[1] = {
    arriving: () => undefined,
    async open(root, options) {
      const blob = await there.open(root, options)
      return {
        ...blob,
        async chunk(index) {
          await sleep(clock, CHUNK_MS)
          seen.chunks++
          return blob.chunk(index)
        },
      }
    },
  }
  const host = new EngineHost({
    ...{ clock, logger: silentLogger, memoryBytes: 0, threads: 1, models: here },
    ...{ random: seededRandom(1), coWorkers: true, offended: () => {} },
    provider: () => async () => {
      const { near, far } = channelPair({ near: 'worker', far: 'submitter' })
      seen.streams++
      serveBlobs(far, slow, { authorise: () => 'job' }).catch(() => {})
      return near
    },
  })
  const lease = { job: 'job', providers: ['submitter'], spec: { model: { graph, weights: [] } } } as unknown as Lease
  const pass = async (ms: number) => {
    for (let spent = 0; spent < ms; spent += 50) {
      for (let turn = 0; turn < 10; turn++) await clock.advanceAsync(0)
      await clock.advanceAsync(50)
    }
  }
  const fetch = (signal: AbortSignal) => codeOf(() => host.fetchModel(lease, undefined, signal))
  return { clock, here, graph, seen, host, pass, fetch }
}

test('leases that come and go do not cost the model that is on its way for them', async () => {
  const { here, graph, seen, host, pass, fetch } = await world()
  const [first, second, third] = [1, 2, 3].map(() => new AbortController()) as [
    AbortController,
    AbortController,
    AbortController,
  ]
  const outcomes = [fetch(first.signal), fetch(second.signal)]
  await pass(1_500)
  first.abort()
  second.abort()
  assert.equal(await Promise.all(outcomes), ['aborted', 'aborted'], 'they are let go at once')
  await pass(500)
  const last = fetch(third.signal)
  await pass(4_000)
  assert.is(await last, undefined)
  assert.ok(here.has(graph.blob))
  assert.equal(seen, { streams: 1, chunks: 4 })
  await host.stop()
})

test('a host that stops ends what it was bringing', async () => {
  const { here, graph, seen, host, pass, fetch } = await world()
  const only = new AbortController()
  const outcome = fetch(only.signal)
  await pass(100)
  only.abort()
  assert.is(await outcome, 'aborted')
  await host.stop()
  await pass(10_000)
  assert.not(here.has(graph.blob))
  assert.ok(seen.chunks <= 2, 'what was ordered before it stopped')
})

test.run()
