import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, limit } from '../../runtime/base/index.ts'
import type { ByteStream, Carrier, PeerId, Transport } from '../../runtime/swarm/transport/transport.ts'

/** What an adapter brings to its conformance suite. */
export interface TransportFixture {
  readonly carrier: Carrier
  /** Whether dialling where nobody listens fails at once; with QUIC only the time limit tells. */
  readonly refusesAtOnce: boolean
  /** A transport of a new peer, not started, that others of this fixture can reach. */
  create(options?: { readonly gate?: (peer: PeerId) => boolean }): Promise<Transport>
}

const MiB = 1024 * 1024

/** What every adapter of the transport port must do. */
export function transportConformance(test: Test, fixture: TransportFixture): void {
  const running: Transport[] = []
  let keepAlive: NodeJS.Timeout // an injected clock's timers don't hold the process
  test.before(() => {
    keepAlive = setInterval(() => {}, 1_000)
  })
  test.after(() => clearInterval(keepAlive))
  test.after.each(async () => {
    await Promise.all(running.splice(0).map((transport) => transport.stop()))
  })

  const start = async (options?: { readonly gate?: (peer: PeerId) => boolean }): Promise<Transport> => {
    const transport = await fixture.create(options)
    await transport.start()
    running.push(transport)
    return transport
  }
  /** Two connected nodes; the second serves `/t` with the handler. */
  const pair = async (handler: (stream: ByteStream) => Promise<void> = echo): Promise<[Transport, Transport]> => {
    const [a, b] = await Promise.all([start(), start()])
    b.handle('/t', handler)
    await a.connect(b.addresses())
    return [a, b]
  }
  /** Both ends of one stream. */
  const joined = async (): Promise<{ a: Transport; b: Transport; near: ByteStream; far: ByteStream }> => {
    const accepted = Promise.withResolvers<ByteStream>()
    const [a, b] = await pair(async (stream) => accepted.resolve(stream))
    return { a, b, near: await a.open(b.peer, '/t'), far: await accepted.promise }
  }

  test('connects by address; both sides see it once, and its end once', async () => {
    const [a, b] = await Promise.all([start(), start()])
    const heard: string[] = []
    const listen = (name: string, transport: Transport) =>
      transport.subscribe({
        connected: ({ peer, direction, carrier }) => heard.push(`${name} ${direction} ${carrier} ${peer === a.peer}`),
        disconnected: (peer) => heard.push(`${name} lost ${peer === a.peer}`),
      })
    listen('a', a)
    const silence = listen('silent', a)
    silence()
    listen('b', b)
    assert.ok(b.addresses().every((address) => address.endsWith(`/p2p/${b.peer}`)))

    const connection = await a.connect(b.addresses())
    assert.is(connection.peer, b.peer)
    assert.is(connection.carrier, fixture.carrier)
    assert.is((await a.connect(b.addresses())).address, connection.address, 'the live connection is returned')
    await eventually(() => b.connections().length === 1)
    assert.is(a.connections().length, 1)
    assert.is(b.connections()[0]?.direction, 'inbound')

    await a.disconnect(b.peer)
    await eventually(() => heard.length === 4)
    assert.equal(heard.sort(), [
      `a lost false`,
      `a outbound ${fixture.carrier} false`,
      `b inbound ${fixture.carrier} true`,
      `b lost true`,
    ])
    assert.equal([...a.connections(), ...b.connections()], [])
  })

  test('refuses to take one peer for another', async () => {
    const [a, b, c] = await Promise.all([start(), start(), start()])
    const forged = b.addresses().map((address) => address.replace(/[^/]+$/, c.peer))
    await rejects(a.connect(forged), 'peer.mismatch')
    await eventually(() => a.connections().length === 0 && b.connections().length === 0)
  })

  test('says that nobody is there', async () => {
    const [a, b] = await Promise.all([start(), start()])
    await rejects(a.connect([]), 'peer.unreachable')
    await rejects(a.connect(['nonsense', '/ip4/127.0.0.1/udp/9']), 'peer.unreachable')
    const addresses = b.addresses()
    await b.stop()
    if (fixture.refusesAtOnce) await rejects(a.connect(addresses), 'peer.unreachable')
    else await rejects(a.connect(addresses, { signal: AbortSignal.timeout(100) }), 'aborted')
  })

  test('opens only what is served, and only on a connection', async () => {
    const [a, b] = await pair()
    await rejects(a.open(b.peer, '/unknown'), 'peer.no-protocol')
    await rejects(b.open('12D3KooWNobody', '/t'), 'peer.not-connected')
    assert.throws(
      () => b.handle('/t', echo),
      (error: unknown) => isAividaError(error, 'transport.taken'),
    )
  })

  test('keeps the order of pieces, and echoes', async () => {
    const [a, b] = await pair()
    const stream = await a.open(b.peer, '/t')
    assert.is(stream.peer, b.peer)
    assert.is(stream.protocol, '/t')
    await stream.write([])
    await stream.write([bytesOf('one '), new Uint8Array(), bytesOf('two ')])
    await stream.write([bytesOf('three')])
    await stream.closeWrite()
    assert.is(Buffer.from(await readAll(stream)).toString(), 'one two three')
    assert.is(await stream.read(), undefined, 'the end stays')
  })

  test('carries megabytes both ways at once', async () => {
    const sizeBytes = 4 * MiB
    const { near, far } = await joined()
    const send = async (stream: ByteStream, seed: number): Promise<void> => {
      const data = pattern(sizeBytes, seed)
      await stream.write([data.subarray(0, 10), data.subarray(10, 3 * MiB), data.subarray(3 * MiB)])
      await stream.closeWrite()
    }
    const [, , atFar, atNear] = await Promise.all([send(near, 1), send(far, 2), readAll(far), readAll(near)])
    assert.ok(Buffer.compare(atFar, pattern(sizeBytes, 1)) === 0, 'what near sent')
    assert.ok(Buffer.compare(atNear, pattern(sizeBytes, 2)) === 0, 'what far sent')
  })

  test('a writer waits for its reader', async () => {
    const { near, far } = await joined()
    let takenBytes = 0
    const writing = (async () => {
      for (let i = 0; i < 16; i++) {
        await near.write([new Uint8Array(MiB)])
        takenBytes += MiB
      }
      await near.closeWrite()
    })()
    await standstill(() => takenBytes)
    assert.ok(takenBytes <= 2 * limit('streamWindowBytes'), `${takenBytes} bytes were taken with nobody reading`)
    const received = await readAll(far)
    await writing
    assert.is(received.byteLength, 16 * MiB)
  })

  test('stalled streams leave room for others', async () => {
    const stalled: ByteStream[] = []
    const [a, b] = await pair(async (stream) => void stalled.push(stream))
    b.handle('/echo', echo)
    let takenBytes = 0
    for (let i = 0; i < 6; i++) {
      const stream = await a.open(b.peer, '/t')
      const flood = async () => {
        for (;;) {
          await stream.write([new Uint8Array(MiB)])
          takenBytes += MiB
        }
      }
      flood().catch(() => {})
    }
    await standstill(() => takenBytes)
    const control = await a.open(b.peer, '/echo')
    await control.write([bytesOf('still here')])
    assert.is(Buffer.from((await control.read()) ?? []).toString(), 'still here')
    for (const stream of stalled) stream.abort(new Error('enough'))
  })

  test('half close: one side ends, the other goes on', async () => {
    const { near, far } = await joined()
    await near.write([bytesOf('question')])
    await near.closeWrite()
    await rejects(near.write([bytesOf('more')]), 'stream.ended')
    await rejects(near.closeWrite(), 'stream.ended')
    assert.is(Buffer.from(await readAll(far)).toString(), 'question')
    await far.write([bytesOf('ans')])
    assert.is(Buffer.from((await near.read()) ?? []).toString(), 'ans')
    await far.write([bytesOf('wer')])
    await far.closeWrite()
    assert.is(Buffer.from(await readAll(near)).toString(), 'wer')
  })

  test('a reset is not an end', async () => {
    const { near, far } = await joined()
    await far.write([bytesOf('half of it')])
    assert.ok(await near.read())
    const pending = rejects(near.read(), 'stream.reset')
    far.abort(new Error('no'))
    await pending
    await rejects(near.read(), 'stream.reset')
    await rejects(near.write([bytesOf('x')]), 'stream.reset')
    await rejectsWith(far.read(), /^no$/)
    await rejectsWith(far.write([bytesOf('x')]), /^no$/)
  })

  test('a reset wakes a blocked writer', async () => {
    const { near, far } = await joined()
    const flood = async (): Promise<void> => {
      for (;;) await near.write([new Uint8Array(MiB)])
    }
    const flooding = rejects(flood(), 'stream.reset')
    assert.ok(await far.read())
    far.abort(new Error('enough'))
    await flooding
  })

  test('a handler that fails resets its stream', async () => {
    const [a, b] = await pair(async () => {
      throw new Error('refused')
    })
    const stream = await a.open(b.peer, '/t').catch((error) => error)
    if (stream instanceof Error) assert.ok(isAividaError(stream, 'stream.reset'))
    else await rejects(stream.read(), 'stream.reset')
  })

  for (const how of ['stop', 'disconnect'] as const) {
    test(`the loss of a connection ends all its streams (${how})`, async () => {
      const served: ByteStream[] = []
      const [a, b] = await pair(async (stream) => void served.push(stream))
      const [reader, writer, idle] = await Promise.all([
        a.open(b.peer, '/t'),
        a.open(b.peer, '/t'),
        a.open(b.peer, '/t'),
      ])
      const flood = async (): Promise<void> => {
        for (;;) await writer.write([new Uint8Array(MiB)])
      }
      const waiting = Promise.all([rejects(reader.read(), 'stream.lost'), rejects(flood(), 'stream.lost')])
      await eventually(() => served.length === 3)
      const far = served.map((stream) => rejects(readAll(stream), 'stream.lost'))
      await (how === 'stop' ? b.stop() : b.disconnect(a.peer))
      await waiting
      await Promise.all(far)
      await rejects(idle.read(), 'stream.lost')
      await rejects(idle.write([bytesOf('x')]), 'stream.lost')
      await eventually(() => a.connections().length === 0)
      await rejects(a.open(b.peer, '/t'), 'peer.not-connected')
    })
  }

  test('what arrived before the loss is still read', async () => {
    const { a, b, near, far } = await joined()
    await far.write([bytesOf('last words')])
    await pause(100)
    await b.disconnect(a.peer)
    await eventually(() => a.connections().length === 0)
    assert.is(Buffer.from((await near.read()) ?? []).toString(), 'last words')
    await rejects(near.read(), 'stream.lost')
  })

  test('a signal ends a read, and the stream goes on', async () => {
    const { near, far } = await joined()
    await rejects(near.read({ signal: AbortSignal.timeout(20) }), 'aborted')
    await rejects(near.read({ signal: AbortSignal.abort() }), 'aborted')
    await far.write([bytesOf('later')])
    assert.is(Buffer.from((await near.read()) ?? []).toString(), 'later')
  })

  test('a signal ends a blocked write, and with it the stream', async () => {
    const { near, far } = await joined()
    await rejects(near.write([bytesOf('x')], { signal: AbortSignal.abort() }), 'aborted')
    const stop = new AbortController()
    const flood = async (): Promise<void> => {
      for (;;) await near.write([new Uint8Array(MiB)], { signal: stop.signal })
    }
    const flooding = rejects(flood(), 'aborted')
    assert.ok(await far.read())
    stop.abort()
    await flooding
    await rejects(near.read(), 'aborted')
    await rejects(readAll(far), 'stream.reset')
  })

  test('a signal ends opening and connecting', async () => {
    const [a, b] = await pair()
    await rejects(a.open(b.peer, '/t', { signal: AbortSignal.abort() }), 'aborted')
    await a.disconnect(b.peer)
    await rejects(a.connect(b.addresses(), { signal: AbortSignal.abort() }), 'aborted')
    const stop = new AbortController()
    await a.connect(b.addresses(), { signal: stop.signal })
    stop.abort() // too late to matter
    await pause(20)
    assert.is(a.connections().length, 1)
  })

  test('many streams at once, and more than the limit are refused', async () => {
    const [a, b] = await pair()
    const streams = await Promise.all(Array.from({ length: limit('streamsPerPeer') }, () => a.open(b.peer, '/t')))
    await rejects(a.open(b.peer, '/t'), 'peer.busy')
    await Promise.all(
      streams.map(async (stream, i) => {
        const data = pattern(64 * 1024, i)
        const back = readAll(stream)
        await stream.write([data])
        await stream.closeWrite()
        assert.ok(Buffer.compare(await back, data) === 0, `stream ${i}`)
      }),
    )
    const again = await a.open(b.peer, '/t')
    await again.write([bytesOf('room again')])
    assert.ok(await again.read())
  })

  test('streams opened at the first moment are not lost', async () => {
    const [a, b] = await Promise.all([start(), start()])
    for (const node of [a, b]) node.handle('/t', echo)
    const talk = async (from: Transport, to: PeerId): Promise<void> => {
      const stream = await from.open(to, '/t')
      await stream.write([bytesOf('early')])
      assert.is(Buffer.from((await stream.read()) ?? []).toString(), 'early')
      stream.abort(new Error('done'))
    }
    const talks: Promise<unknown>[] = []
    b.subscribe({ connected: ({ peer }) => talks.push(...Array.from({ length: 20 }, () => talk(b, peer))) })
    a.subscribe({ connected: ({ peer }) => talks.push(...Array.from({ length: 20 }, () => talk(a, peer))) })
    await a.connect(b.addresses())
    await eventually(() => talks.length === 40)
    await Promise.all(talks)
  })

  test('the gate keeps peers out, both ways', async () => {
    const outcast = await start()
    const b = await start({ gate: (peer) => peer !== outcast.peer })
    const heard: PeerId[] = []
    b.subscribe({ connected: ({ peer }) => heard.push(peer) })
    await rejects(b.connect(outcast.addresses()), 'peer.refused')
    await outcast.connect(b.addresses()).catch(() => {}) // who dials may not know yet
    await eventually(() => outcast.connections().length === 0)
    assert.equal(heard, [])
    const friend = await start()
    await friend.connect(b.addresses())
    await eventually(() => heard.length === 1)
  })

  test('stop ends everything, and start begins anew', async () => {
    const [a, b] = await pair()
    const stream = await a.open(b.peer, '/t')
    const reading = stream.read().catch((error) => error)
    await a.stop()
    await a.stop()
    assert.ok((await reading) instanceof Error)
    assert.equal(a.addresses(), [])
    assert.equal(a.connections(), [])
    await rejects(a.connect(b.addresses()), 'transport.stopped')
    await rejects(a.open(b.peer, '/t'), 'transport.stopped')
    await eventually(() => b.connections().length === 0)
    await a.start()
    await a.connect(b.addresses())
    const again = await a.open(b.peer, '/t')
    await again.write([bytesOf('back')])
    assert.ok(await again.read())
  })
}

async function echo(stream: ByteStream): Promise<void> {
  for (let piece = await stream.read(); piece; piece = await stream.read()) await stream.write([piece])
  await stream.closeWrite()
}

async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for (let piece = await stream.read(); piece; piece = await stream.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  const outcome = await promise.then(
    () => 'no error',
    (error) => error,
  )
  assert.ok(isAividaError(outcome, code), `expected ${code}, got ${outcome?.code ?? outcome}`)
}

async function rejectsWith(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const outcome = await promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )
  assert.match(outcome, message)
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await pause(10)
  }
  assert.unreachable(`not so after 5 s: ${condition}`)
}

/** Waits until a number has not changed for 300 ms. */
async function standstill(value: () => number): Promise<void> {
  for (let last = -1; last !== value(); ) {
    last = value()
    await pause(300)
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function pattern(sizeBytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(sizeBytes / 4)
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2654435761) ^ seed
  return new Uint8Array(words.buffer)
}
