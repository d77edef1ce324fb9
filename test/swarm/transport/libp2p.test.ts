import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Clock, isAividaError, type Logger, silentLogger, systemClock } from '../../../runtime/base/index.ts'
import { libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import type { Transport } from '../../../runtime/swarm/transport/transport.ts'
import { onLoopback } from './libp2p-fixture.ts'

const test = suite('libp2p transport')

/** Makes waits of seconds pass in milliseconds. */
const hasty: Clock = { ...systemClock, after: (delayMs, fn) => systemClock.after(delayMs / 50, fn) }

function listener(): { warnings: string[]; logger: Logger } {
  const warnings: string[] = []
  return { warnings, logger: { ...silentLogger, warn: (_fields, message) => warnings.push(message) } }
}

async function using(transports: readonly Transport[], work: () => Promise<void>): Promise<void> {
  await Promise.all(transports.map((transport) => transport.start()))
  try {
    await work()
  } finally {
    await Promise.all(transports.map((transport) => transport.stop()))
  }
}

test('the seed fixes the peer id', async () => {
  const { peer } = await libp2pTransport({ ...onLoopback(), seed: new Uint8Array(32).fill(7) })
  assert.is(peer, '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7')
})

test('prefers QUIC where both are offered', async () => {
  const { warnings, logger } = listener()
  const [a, b] = await Promise.all([libp2pTransport({ ...onLoopback(), logger }), libp2pTransport(onLoopback())])
  await using([a, b], async () => {
    const addresses = [...b.addresses()].reverse()
    assert.ok(addresses[0]?.includes('/tcp/'))
    assert.is((await a.connect(addresses)).carrier, 'quic')
    assert.equal(warnings, [])
  })
})

test('falls back to TCP, and says so, when QUIC does not get through', async () => {
  const { warnings, logger } = listener()
  const [a, b, gone] = await Promise.all([
    libp2pTransport({ ...onLoopback(), logger, clock: hasty }),
    libp2pTransport(onLoopback()),
    libp2pTransport(onLoopback()),
  ])
  await using([a, b], async () => {
    await gone.start()
    const dead = gone.addresses().filter((address) => address.includes('/quic-v1'))
    await gone.stop()
    const addresses = [...dead.map((address) => address.replace(gone.peer, b.peer)), ...onlyTcp(b)]
    assert.is((await a.connect(addresses)).carrier, 'tcp')
    assert.equal(warnings, ['connected over a fallback carrier'])
  })
})

test('a piece that is given back is empty, and the bytes after it are whole', async () => {
  const [a, b] = await Promise.all([libp2pTransport(onLoopback()), libp2pTransport(onLoopback())])
  const sent = Uint8Array.from({ length: 1 << 20 }, (_, at) => at * 31)
  let emptied = 0
  const received = new Promise<Buffer>((resolve, reject) => {
    b.handle('/give-back/1', async (stream) => {
      const copies: Buffer[] = []
      for (let piece = await stream.read(); piece; piece = await stream.read()) {
        copies.push(Buffer.from(piece))
        stream.release?.(piece)
        if (piece.byteLength === 0) emptied++
      }
      resolve(Buffer.concat(copies))
      await stream.closeWrite()
    })
    setTimeout(reject, 10_000).unref()
  })
  await using([a, b], async () => {
    await a.connect(b.addresses())
    const stream = await a.open(b.peer, '/give-back/1')
    await stream.write([sent])
    await stream.closeWrite()
    assert.ok((await received).equals(sent))
    assert.ok(emptied > 0)
  })
})

test('gives up in time when nothing answers', async () => {
  const [a, gone] = await Promise.all([
    libp2pTransport({ ...onLoopback(), clock: hasty }),
    libp2pTransport({ ...onLoopback(), carriers: ['quic'] }),
  ])
  await using([a], async () => {
    await gone.start()
    const addresses = gone.addresses()
    await gone.stop()
    const error = await a.connect(addresses).catch((error) => error)
    assert.ok(isAividaError(error, 'peer.unreachable'), String(error))
    assert.match(error.message, String(gone.peer))
  })
})

test('uses TCP alone, and says so, where there is no QUIC binding', async () => {
  const { warnings, logger } = listener()
  const [a, b] = await Promise.all([
    libp2pTransport({ ...onLoopback(), logger, quicBinding: [] }),
    libp2pTransport(onLoopback()),
  ])
  assert.match(warnings[0] ?? '', /^QUIC is not available/)
  await using([a, b], async () => {
    assert.ok(a.addresses().every((address) => address.includes('/tcp/')))
    assert.is((await a.connect(b.addresses())).carrier, 'tcp')
    assert.is((await b.connect(a.addresses())).carrier, 'tcp')
  })
})

test('refuses to be left without a carrier', async () => {
  const error = await libp2pTransport({ ...onLoopback(), carriers: ['quic'], quicBinding: [] }).catch((error) => error)
  assert.ok(isAividaError(error, 'transport.no-carrier'))
})

for (const carrier of ['quic', 'tcp'] as const)
  test(`an address in use is a typed error (${carrier})`, async () => {
    const a = await libp2pTransport({ ...onLoopback(), carriers: [carrier] })
    await using([a], async () => {
      const taken = a.addresses().map((address) => address.replace(/\/p2p\/.*/, ''))
      const b = await libp2pTransport({ ...onLoopback(), listen: taken })
      const error = await b.start().catch((error) => error)
      assert.ok(isAividaError(error, 'transport.listen'), String(error))
      await a.stop()
      await b.start()
      await b.stop()
    })
  })

test('announces what it is told to', async () => {
  const a = await libp2pTransport({ ...onLoopback(), announce: ['/ip4/203.0.113.7/udp/4001/quic-v1'] })
  await using([a], async () => {
    assert.equal(a.addresses(), [`/ip4/203.0.113.7/udp/4001/quic-v1/p2p/${a.peer}`])
  })
})

function onlyTcp(transport: Transport): string[] {
  return transport.addresses().filter((address) => address.includes('/tcp/'))
}

test.run()
