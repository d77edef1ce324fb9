import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, limit, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { type ByteStream, memoryNetwork } from '../../../runtime/swarm/transport/index.ts'
import { type Channel, type ChannelOptions, channel, request } from '../../../runtime/swarm/wire/index.ts'
import { SAMPLE_BYTES, SAMPLE_FRAMES } from './sample-frames.ts'
import { cut, ScriptedStream } from './scripted-stream.ts'

const test = suite('channel')
const network = memoryNetwork({ clock: systemClock, random: seededRandom(1) })
let peers = 0
let keepAlive: NodeJS.Timeout // the network's timers don't hold the process
test.before(() => {
  keepAlive = setInterval(() => {}, 1_000)
})
test.after(() => clearInterval(keepAlive))

/** Both ends of one stream in memory. */
async function streams(): Promise<[ByteStream, ByteStream]> {
  const [a, b] = [network.transport(`peer-${peers++}`), network.transport(`peer-${peers++}`)]
  await Promise.all([a.start(), b.start()])
  const accepted = Promise.withResolvers<ByteStream>()
  b.handle('/t', async (stream) => accepted.resolve(stream))
  await a.connect(b.addresses())
  return [await a.open(b.peer, '/t'), await accepted.promise]
}

async function channels(options?: ChannelOptions): Promise<[Channel, Channel]> {
  const [near, far] = await streams()
  return [channel(near), channel(far, options)]
}

test('reads what version 1 wrote, whatever pieces it comes in', async () => {
  for (const sizes of [[1], [20], [3, 1, 50], [SAMPLE_BYTES.byteLength]]) {
    const reading = channel(new ScriptedStream(cut(SAMPLE_BYTES, sizes)))
    for (const { header, body } of SAMPLE_FRAMES) {
      const frame = await reading.receive()
      assert.equal([frame?.header, frame?.body], [header, body])
      assert.is(frame?.body.byteOffset, 0)
    }
    assert.is(await reading.receive(), undefined)
    assert.is(await reading.receive(), undefined, 'the end stays')
  }
})

test('writes what version 1 wrote, byte for byte', async () => {
  const stream = new ScriptedStream()
  const writing = channel(stream)
  for (const { header, body } of SAMPLE_FRAMES) await writing.send(header, [body.subarray(0, 100), body.subarray(100)])
  await writing.end()
  assert.equal(new Uint8Array(Buffer.concat(stream.written)), SAMPLE_BYTES)
  assert.ok(stream.writeEnded)
})

test('a stream that ends without an end frame is truncated, wherever it is cut', async () => {
  for (let at = 0; at < SAMPLE_BYTES.byteLength; at++) {
    const reading = channel(new ScriptedStream([SAMPLE_BYTES.slice(0, at)]))
    const { error } = await drain(reading)
    assert.ok(isAividaError(error, 'frame.truncated'), `cut at ${at}: ${error}`)
  }
})

test('refuses what is not a frame, before allocating for it', async () => {
  const spoilt = (at: number, ...bytes: number[]): Uint8Array => {
    const copy = SAMPLE_BYTES.slice()
    copy.set(bytes, at)
    return copy
  }
  const cases: [string, Uint8Array][] = [
    ['frame.magic', spoilt(0, 0x47)],
    ['frame.version', spoilt(4, 2)],
    ['frame.malformed', spoilt(5, 2)],
    ['frame.malformed', spoilt(6, 1)],
    ['frame.malformed', spoilt(5, 1)], // an end frame with a header that is no end mark
    ['frame.size', spoilt(8, 0xff, 0xff, 0xff, 0xff)],
    ['frame.size', spoilt(12, 0xff, 0xff, 0xff, 0x7f)],
    ['frame.crc', spoilt(16, 0)],
    ['frame.crc', spoilt(20, 0)],
    ['frame.crc', spoilt(34 + 20 + 11 + 299, 0)],
  ]
  for (const [code, bytes] of cases) {
    const stream = new ScriptedStream([bytes])
    const { error } = await drain(channel(stream))
    assert.ok(isAividaError(error, code), `expected ${code}, got ${error}`)
    assert.is(isAividaError(error) && error.category, 'peer')
    assert.is(stream.aborted, error, 'the stream is given up')
  }
})

test('an end frame that does not fit what came before is refused', async () => {
  const first = 34 // bytes of the first frame
  const withoutFirst = SAMPLE_BYTES.slice(first)
  const twice = Buffer.concat([SAMPLE_BYTES.subarray(0, first), SAMPLE_BYTES])
  for (const bytes of [withoutFirst, twice]) {
    const { error } = await drain(channel(new ScriptedStream([bytes])))
    assert.ok(isAividaError(error, 'frame.end'), String(error))
  }
})

test('concurrent sends keep the order of the calls', async () => {
  const [near, far] = await channels()
  const sends = Array.from({ length: 50 }, (_, i) =>
    near.send(Uint8Array.of(i), [new Uint8Array(i % 3 === 0 ? 200_000 : 10).fill(i), Uint8Array.of(i)]),
  )
  for (let i = 0; i < 50; i++) {
    const frame = await far.receive()
    assert.is(frame?.header[0], i)
    assert.ok(frame?.body.every((byte) => byte === i))
  }
  await Promise.all(sends)
})

test('both directions at once, and each ends for itself', async () => {
  const [near, far] = await channels()
  const answering = (async () => {
    for (let frame = await far.receive(); frame; frame = await far.receive())
      await far.send(frame.header, [frame.body, frame.body])
    await far.end()
  })()
  const answer = await request(near, Uint8Array.of(1), [Uint8Array.of(2)])
  assert.equal([...answer.header, ...answer.body], [1, 2, 2])
  await near.end()
  await near.end()
  await rejects(near.send(Uint8Array.of(1)), 'channel.ended')
  assert.is(await near.receive(), undefined)
  await answering
})

test('a request that finds the end instead of an answer says so', async () => {
  const [near, far] = await channels()
  await far.end()
  await rejects(request(near, Uint8Array.of(1)), 'channel.no-answer')
})

test('bodies go where the receiver wants them', async () => {
  const place = new Uint8Array(1_000)
  const [near, far] = await channels({
    bodyInto: (header, bodyBytes) => place.subarray(header[0], header[0]! + bodyBytes),
  })
  await near.send(Uint8Array.of(100), [new Uint8Array(50).fill(1), new Uint8Array(50).fill(2)])
  const frame = await far.receive()
  assert.is(frame?.body.buffer, place.buffer)
  assert.equal([place[99], place[100], place[149], place[150], place[199], place[200]], [0, 1, 1, 2, 2, 0])
})

test('a receiver that refuses a body ends the channel', async () => {
  const [near, far] = await channels({
    bodyInto: () => {
      throw new Error('no room')
    },
  })
  await near.send(Uint8Array.of(1), [new Uint8Array(50)])
  assert.is(await far.receive().catch((error) => error.message), 'no room')
  await rejects(near.receive(), 'stream.reset')
})

test('an aborted receive goes on where it was', async () => {
  const [near, far] = await streams()
  const reading = channel(far)
  await near.write([SAMPLE_BYTES.subarray(0, 60)])
  assert.ok(await reading.receive())
  await rejects(reading.receive({ signal: AbortSignal.timeout(20) }), 'aborted')
  await rejects(reading.receive({ signal: AbortSignal.abort() }), 'aborted')
  await near.write([SAMPLE_BYTES.subarray(60)])
  const { frames, error } = await drain(reading)
  assert.is(error, undefined)
  assert.equal(frames, SAMPLE_FRAMES.slice(1))
})

test('a send that is aborted before its turn is left out', async () => {
  const [near, far] = await channels()
  const stop = new AbortController()
  const first = near.send(Uint8Array.of(1), [new Uint8Array(4_000_000)])
  const second = near.send(Uint8Array.of(2), [], { signal: stop.signal })
  const third = near.send(Uint8Array.of(3))
  stop.abort()
  await rejects(second, 'aborted') // at once, while the first still waits for its reader
  assert.is((await far.receive())?.header[0], 1)
  assert.is((await far.receive())?.header[0], 3)
  await Promise.all([first, third])
})

test('a send that is aborted half-way ends the channel', async () => {
  const [near, far] = await channels()
  const stop = new AbortController()
  const sending = near.send(Uint8Array.of(1), [new Uint8Array(4_000_000)], { signal: stop.signal })
  const receiving = far.receive()
  setTimeout(() => stop.abort(), 5)
  await rejects(sending, 'aborted')
  await rejects(receiving, 'stream.reset')
  await rejects(near.send(Uint8Array.of(2)), 'aborted')
})

test('the sender is bounded too', async () => {
  const [near, far] = await channels()
  await rejects(near.send(new Uint8Array(limit('frameHeaderBytes') + 1)), 'frame.size')
  const tooLarge = Array.from({ length: 65 }, () => new Uint8Array(1024 * 1024))
  await rejects(near.send(new Uint8Array(), tooLarge), 'frame.size')
  const blocked = near.send(Uint8Array.of(1), [new Uint8Array(4_000_000)])
  const waiting = Array.from({ length: limit('channelSends') - 1 }, () => near.send(Uint8Array.of(2)))
  await rejects(near.send(Uint8Array.of(3)), 'channel.full')
  const received = (async () => {
    for (let i = 0; i < limit('channelSends'); i++) assert.ok(await far.receive())
  })()
  await Promise.all([blocked, ...waiting, received])
  const again = near.send(Uint8Array.of(4))
  assert.is((await far.receive())?.header[0], 4)
  await again
})

test('one receive at a time', async () => {
  const [near, far] = await channels()
  const first = far.receive()
  await rejects(far.receive(), 'channel.busy')
  await near.send(Uint8Array.of(1))
  assert.ok(await first)
})

test('an abort reaches both sides', async () => {
  const [near, far] = await channels()
  near.abort(new Error('enough'))
  await rejects(far.receive(), 'stream.reset')
  const own = await near.receive().catch((error) => error.message)
  assert.is(own, 'enough')
})

async function drain(reading: Channel): Promise<{ frames: unknown[]; error: unknown }> {
  const frames: unknown[] = []
  try {
    for (let frame = await reading.receive(); frame; frame = await reading.receive()) frames.push(frame)
    return { frames, error: undefined }
  } catch (error) {
    return { frames, error }
  }
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  const outcome = await promise.then(
    () => 'no error',
    (error) => error,
  )
  assert.ok(isAividaError(outcome, code), `expected ${code}, got ${outcome?.code ?? outcome}`)
}

test.run()
