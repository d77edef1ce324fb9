import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, systemClock } from '../../../runtime/base/index.ts'
import {
  type BlobStore,
  fetchBlob,
  memoryBlobStore,
  type OpenProvider,
  serveBlobs,
} from '../../../runtime/data/blob/index.ts'
import { decodeTensors, digestOfTensors, encodeTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { PROTOCOLS } from '../../../runtime/protocol/index.ts'
import { memoryNetwork, type Transport } from '../../../runtime/swarm/transport/index.ts'
import { channel } from '../../../runtime/swarm/wire/index.ts'

const network = memoryNetwork({ clock: systemClock, random: seededRandom(1), latencyMs: [0, 1] })

async function started(peer: string): Promise<Transport> {
  const transport = network.transport(peer)
  await transport.start()
  return transport
}

async function serving(peer: string, store: BlobStore): Promise<Transport> {
  const transport = await started(peer)
  transport.handle(PROTOCOLS.blob, (stream) => serveBlobs(channel(stream), store, { authorise: () => undefined }))
  return transport
}

const alive = setInterval(() => {}, 1_000) // the network's timers do not keep the process
test.after(() => clearInterval(alive))

test('tensors travel over framed streams from two nodes at once and are read where they arrived', async () => {
  const tensors = { x: tensorOf(Float32Array.from({ length: 1 << 20 }, (_, i) => i)), y: tensorOf(['label']) }
  const stores = await Promise.all([1, 2].map(() => memoryBlobStore({ clock: systemClock })))
  const [a, b] = stores as [BlobStore, BlobStore]
  const { blob, sizeBytes } = await a.put(encodeTensors(tensors))
  await b.put(encodeTensors(tensors))
  const providers = [await serving('a', a), await serving('b', b)]
  const me = await started('me')
  const opens = await Promise.all(
    providers.map(async (provider): Promise<OpenProvider> => {
      await me.connect(provider.addresses())
      return async ({ signal }) => channel(await me.open(provider.peer, PROTOCOLS.blob, { signal }))
    }),
  )
  const store = await memoryBlobStore({ clock: systemClock })
  const report = await fetchBlob({ root: blob, sizeBytes, providers: opens, store, clock: systemClock })
  assert.equal(report, { blob, sizeBytes, receivedBytes: sizeBytes, dropped: [] })
  assert.is(digestOfTensors(decodeTensors(await store.readAll(blob))), digestOfTensors(tensors))
  for (const transport of [...providers, me]) await transport.stop()
})

test.run()
