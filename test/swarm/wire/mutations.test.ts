import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, limit, type Random, seededRandom } from '../../../runtime/base/index.ts'
import { channel, type Frame } from '../../../runtime/swarm/wire/index.ts'
import { SAMPLE_BYTES, SAMPLE_FRAMES } from './sample-frames.ts'
import { cut, ScriptedStream } from './scripted-stream.ts'

const test = suite('mutated frames')
const SEED = 20_261_123
const ROUNDS = 3_000

test(`whatever is altered is noticed, by a typed error and within the limits (seed ${SEED})`, async () => {
  const random = seededRandom(SEED)
  const outcomes = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutated(SAMPLE_BYTES, random)
    const stream = new ScriptedStream(cut(bytes, [1 + below(random, 200), 1 + below(random, 50)]))
    const reading = channel(stream, {
      bodyInto(header, bodyBytes) {
        assert.ok(header.byteLength <= limit('frameHeaderBytes') && bodyBytes <= limit('frameBodyBytes'))
        return new Uint8Array(bodyBytes)
      },
    })
    const frames: Frame[] = []
    let outcome = 'end'
    try {
      for (let frame = await reading.receive(); frame; frame = await reading.receive()) frames.push(frame)
    } catch (error) {
      assert.ok(isAividaError(error) && error.category === 'peer', `round ${round}: ${error}`)
      outcome = error.code
    }
    if (outcome === 'end') assert.equal(frames, SAMPLE_FRAMES, `round ${round}: other frames passed for whole`)
    else assert.match(outcome, /^frame\./)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  for (const code of ['magic', 'version', 'malformed', 'size', 'crc', 'truncated', 'end'])
    assert.ok(outcomes.has(`frame.${code}`), `no round met frame.${code}: ${[...outcomes]}`)
})

/** One to three random changes: bytes altered, removed, repeated, inserted, or the rest cut off. */
function mutated(original: Uint8Array, random: Random): Uint8Array {
  let bytes = original.slice()
  for (let changes = 1 + below(random, 3); changes > 0; changes--) {
    const at = below(random, bytes.byteLength + 1)
    const to = Math.min(bytes.byteLength, at + 1 + below(random, 60))
    switch (below(random, 6)) {
      case 0:
      case 1:
        if (at < bytes.byteLength) bytes[at] = bytes[at]! ^ (1 + below(random, 255))
        break
      case 2:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(to))
        break
      case 3:
        bytes = joined(bytes.subarray(0, to), bytes.subarray(at))
        break
      case 4:
        bytes = joined(bytes.subarray(0, at), random.bytes(1 + below(random, 40)), bytes.subarray(at))
        break
      case 5:
        // whole frames only: the checksums hold, the end mark does not
        bytes = below(random, 2) === 0 ? bytes.slice(34) : joined(bytes.subarray(0, 34), bytes)
        break
    }
  }
  return bytes
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts))
}

function below(random: Random, end: number): number {
  return Math.floor(random.float() * end)
}

test.run()
