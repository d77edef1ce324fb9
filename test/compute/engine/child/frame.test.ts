import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../../runtime/base/errors.ts'
import { limit } from '../../../../runtime/base/limits.ts'
import { type Frame, frameHead, PREFIX_BYTES } from '../../../../runtime/compute/engine/child/frame.ts'
import { FrameReader } from '../../../../runtime/compute/engine/child/frame-reader.ts'

const test = suite('engine child frames')

function frame(header: object, ...parts: Uint8Array[]): Buffer {
  const sizes = parts.map(({ byteLength }) => byteLength)
  return Buffer.concat([frameHead(header, sizes), ...parts])
}

function read(chunks: Iterable<Uint8Array>, maxBytes = 1000): Frame<unknown>[] {
  const frames: Frame<unknown>[] = []
  const reader = new FrameReader(maxBytes, (each) => frames.push(each))
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

test('frames come out whole however the stream is cut', () => {
  const one = frame({ op: 'run', name: 'zwölf' }, Uint8Array.of(1, 2, 3), new Uint8Array(), Uint8Array.of(4))
  const stream = Buffer.concat([one, frame({ op: 'close' }), one])
  for (const size of [1, 2, 3, 7, 8, 9, 64, stream.byteLength]) {
    const chunks = Array.from({ length: Math.ceil(stream.byteLength / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    )
    const frames = read(chunks)
    assert.equal(
      frames.map(({ header }) => header),
      [
        { op: 'run', name: 'zwölf', parts: [3, 0, 1] },
        { op: 'close', parts: [] },
        { op: 'run', name: 'zwölf', parts: [3, 0, 1] },
      ],
    )
    assert.equal(frames[2]?.parts, [Uint8Array.of(1, 2, 3), new Uint8Array(), Uint8Array.of(4)])
  }
})

test('each part starts a buffer of its own, so any element type can view it', () => {
  const [{ parts }] = read([frame({}, Uint8Array.of(1), new Uint8Array(16))]) as [Frame<unknown>]
  for (const part of parts) {
    assert.is(part.byteOffset, 0)
    assert.is(part.buffer.byteLength, part.byteLength)
  }
})

test('what is no frame, or too large, is refused before it is buffered', () => {
  const oversized = frameHead({}, [])
  Buffer.from(oversized.buffer, oversized.byteOffset).writeUInt32LE(limit('engineHeaderBytes') + 1, 4)
  const header = (json: string) => {
    const prefix = Buffer.from(frameHead({}, []).subarray(0, PREFIX_BYTES))
    prefix.writeUInt32LE(json.length, 4)
    return Buffer.concat([prefix, Buffer.from(json)])
  }
  const broken = [
    Buffer.from('GET / HTTP'),
    oversized,
    frameHead({}, [600, 401]),
    header(JSON.stringify({ parts: Array(limit('tensorsPerMessage') + 1).fill(0) })),
    header('{"parts":[-1]}'),
    header('{"parts":["1"]}'),
    header('{"parts":{}}'),
    header('null'),
    header('{"parts":[}'),
  ]
  for (const [i, bytes] of broken.entries())
    try {
      read([bytes])
      throw new Error('it was read')
    } catch (error) {
      assert.ok(isAividaError(error, 'engine.protocol'), `case ${i}: ${error}`)
    }
})

test('what the other end would refuse is not sent', () => {
  for (const build of [
    () => frameHead({}, Array(limit('tensorsPerMessage') + 1).fill(0)),
    () => frameHead({ name: 'x'.repeat(limit('engineHeaderBytes')) }, []),
  ])
    try {
      build()
      assert.unreachable()
    } catch (error) {
      assert.ok(isAividaError(error, 'engine.protocol'), String(error))
    }
})

test.run()
