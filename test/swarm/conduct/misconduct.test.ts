import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { controlMessageCodec, PROTOCOLS } from '../../../runtime/protocol/index.ts'
import { encodePrefix } from '../../../runtime/swarm/wire/frame.ts'
import { channel } from '../../../runtime/swarm/wire/index.ts'
import { heartbeat, VirtualSwarm } from '../../support/virtual-swarm.ts'

const test = suite('misconduct in a swarm')

async function pair() {
  const swarm = new VirtualSwarm()
  const [victim, evil] = [await swarm.node('victim'), await swarm.node('evil')]
  await Promise.all([victim.start(), evil.start()])
  await swarm.until(() => victim.swarm.members().length === 1, 5_000)
  const stop = () => Promise.all([swarm.stop()])
  return { swarm, victim, evil, stop }
}

test('a message that is begun and not ended is given up in time, and its sender is named', async () => {
  const { swarm, victim, evil, stop } = await pair()
  const begun = encodePrefix('message', new Uint8Array(1_000), [])
  const stream = await swarm.outcome(evil.transport.open(victim.peer, PROTOCOLS.control))
  void stream.write([begun])
  const reset = stream.read().catch(({ code }) => code)
  const sinceMs = swarm.clock.monoMs()
  assert.is(await swarm.outcome(reset), 'stream.reset')
  const tookMs = swarm.clock.monoMs() - sinceMs
  assert.ok(tookMs >= limit('messageMs') && tookMs < limit('messageMs') + 1_500, `${tookMs} ms`)
  assert.is(victim.swarm.warden.conduct(evil.peer)?.code, 'frame.slow')
  assert.equal(swarm.seenBy(victim), ['evil alive'], 'once is borne')
  await stop()
})

test('room that a lie has taken is given back', async () => {
  const { swarm, victim, evil, stop } = await pair()
  const lie = Buffer.from(encodePrefix('message', new Uint8Array(8), []))
  lie.writeUInt32LE(16 << 20, 12)
  const streams = await Promise.all(
    Array.from({ length: 12 }, () => swarm.outcome(evil.transport.open(victim.peer, PROTOCOLS.control))),
  )
  for (const stream of streams) void stream.write([lie, new Uint8Array(8)]).catch(() => {})
  await swarm.pass(100)
  const { traffic } = victim.swarm.warden
  assert.is(traffic.inboundBytes, 7 * ((16 << 20) + 8), 'as much as one peer may have')
  await swarm.pass((16 << 20) / (limit('slowestRateBytes') / 1_000) + limit('messageMs') + 1_000)
  assert.ok(traffic.inboundBytes <= 5 * ((16 << 20) + 8), 'those that waited have their turn')
  await evil.swarm.stop()
  await swarm.pass(20_000)
  assert.is(traffic.inboundBytes, 0)
  await stop()
})

test('who takes nothing of what it asked for is let go', async () => {
  const { swarm, victim, evil, stop } = await pair()
  let ended = ''
  victim.swarm.serve('/big', async (big) => {
    await big.send(new Uint8Array(), [new Uint8Array(1 << 20)]).catch(({ code }) => {
      ended = code
    })
  })
  await swarm.outcome(evil.transport.open(victim.peer, '/big'))
  await swarm.pass(limit('messageMs') + 17_000)
  assert.is(ended, 'peer.slow-reader')
  assert.is(victim.swarm.warden.conduct(evil.peer)?.code, 'peer.slow-reader')
  await stop()
})

test('a flood of heartbeats is held up, named and gated, for longer each time', async () => {
  const { swarm, victim, evil, stop } = await pair()
  const gatings: number[] = []
  for (const longest of [limit('gateMs'), 2 * limit('gateMs')]) {
    const talk = channel(await swarm.outcome(evil.transport.open(victim.peer, PROTOCOLS.control)))
    void talk.receive().catch(() => {})
    for (let i = 0; i < 800; i++) {
      void talk.send(controlMessageCodec.encode(heartbeat(i))).catch(() => {})
      if (i % 200 === 199) await swarm.pass(50)
    }
    await swarm.pass(1_000)
    assert.equal(swarm.seenBy(victim), [])
    const record = victim.swarm.warden.conduct(evil.peer)!
    assert.is(record.code, 'peer.flood')
    gatings.push(record.gatings)
    await swarm.pass(longest - 10_000)
    assert.equal(swarm.seenBy(victim), [], 'it is still out')
    await swarm.until(() => victim.swarm.members().length === 1, longest + 40_000)
  }
  assert.equal(gatings, [1, 2])
  await stop()
})

test('a hello has no body, and a control message no more than the largest honest one', async () => {
  const { swarm, victim, evil, stop } = await pair()
  for (const [protocol, bytes] of [
    [PROTOCOLS.hello, 1],
    [PROTOCOLS.control, limit('controlBodyBytes') + 1],
  ] as const) {
    const stream = await swarm.outcome(evil.transport.open(victim.peer, protocol))
    const prefix = Buffer.from(encodePrefix('message', new Uint8Array(), []))
    prefix.writeUInt32LE(bytes, 12)
    void stream.write([prefix]).catch(() => {})
    assert.is(await swarm.outcome(stream.read().catch(({ code }) => code)), 'stream.reset')
    assert.is(victim.swarm.warden.conduct(evil.peer)?.code, 'frame.size', protocol)
  }
  await stop()
})

test.run()
