import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { aborted, limit, peerError, silentLogger } from '../../../runtime/base/index.ts'
import { Warden } from '../../../runtime/swarm/conduct/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const test = suite('warden')
const ADDRESS = '/ip4/192.0.2.1/udp/1/quic-v1'
const broken = () => peerError('frame.magic', 'other bytes')

function make() {
  const clock = new VirtualClock()
  const warden = new Warden({
    clock,
    logger: silentLogger,
    isMember: (peer) => peer.startsWith('member'),
    isRemoved: (peer) => peer === 'removed',
  })
  const [gated, noted]: [string[], string[]] = [[], []]
  warden.onGated = (peer) => gated.push(peer)
  warden.onNoted = (peer) => noted.push(peer)
  return { clock, warden, gated, noted }
}

test('a member that broke the protocol too often is gated, and let in again when its time is up', () => {
  const { clock, warden, gated, noted } = make()
  for (let i = 0; i < 15; i++) warden.judge('member', broken())
  assert.ok(warden.admits('member', ADDRESS))
  warden.judge('member', broken())
  assert.equal([gated, noted], [['member'], ['member', 'member']], 'told of its first misdeed and of its gating')
  assert.not(warden.admits('member', ADDRESS))
  assert.not(warden.admits('member'), 'nor do we call it')
  assert.throws(() => warden.admit('member'), /peer that|cut off \(other bytes\)/)
  assert.equal(warden.gated(), ['member'])
  clock.advance(limit('gateMs'))
  assert.ok(warden.admits('member', ADDRESS))
  warden.admit('member')
})

test('a stranger answers for its address: other strangers there are kept out, members are not', () => {
  const { warden, gated } = make()
  assert.ok(warden.admits('stranger', ADDRESS))
  for (let i = 0; i < 16; i++) warden.judge('stranger', broken())
  assert.equal(gated, ['stranger'])
  assert.not(warden.admits('another stranger', ADDRESS))
  assert.ok(warden.admits('another stranger', '/ip4/192.0.2.2/udp/1/quic-v1'))
  assert.ok(warden.admits('member', ADDRESS))
  assert.is(warden.hosts()[0]?.[0], '192.0.2.1')
  assert.is(warden.conduct('stranger'), undefined)
})

test('what says nothing about the peer is not held against it', () => {
  const { warden } = make()
  for (const make of [aborted, () => peerError('stream.lost', 'gone'), () => peerError('peer.not-connected', 'gone')])
    for (let i = 0; i < 1_000; i++) warden.judge('member', make())
  assert.is(warden.conduct('member'), undefined)
})

test('a removed peer that keeps calling is named', () => {
  const { warden } = make()
  assert.not(warden.admits('removed', ADDRESS))
  assert.is(warden.conduct('removed')?.code, 'membership.removed')
})

test('a stranger may open few streams, a member its full share', () => {
  const { warden } = make()
  warden.admits('stranger', ADDRESS)
  assert.is(warden.streamsOf('stranger'), limit('strangerStreams'))
  assert.is(warden.streamsOf('member'), limit('streamsPerPeer'))
})

test('chatter beyond its rate is a flood; what is said of leases is not chatter', () => {
  const { clock, warden } = make()
  for (let i = 0; i < limit('chatterBurst'); i++) warden.assertNoFlood('member', 'heartbeat')
  assert.throws(() => warden.assertNoFlood('member', 'card'), /more than 50 messages/)
  for (let i = 0; i < 10_000; i++) warden.assertNoFlood('member', 'receipts')
  warden.assertNoFlood('member2', 'heartbeat')
  clock.advance(1_000)
  for (let i = 0; i < 50; i++) warden.assertNoFlood('member', 'heartbeat')
})

test('messages beyond a share are read later, by their size', () => {
  const { warden } = make()
  const waits = Array.from({ length: 100 }, () => warden.workWaitMs('member', 128 * 1024))
  assert.is(waits[0], 0)
  assert.ok(waits.at(-1)! > 1_000, `${waits.at(-1)}`)
  assert.is(warden.workWaitMs('member2', 128 * 1024), 0)
})

test('a member that says hello over and over waits, then is refused', async () => {
  const { warden } = make()
  for (let i = 0; i < 8; i++) await warden.helloTurn('member')
  let refused = 0
  for (let i = 0; i < 20; i++) void warden.helloTurn('member').catch(({ code }) => code === 'hello.busy' && refused++)
  await new Promise(setImmediate)
  assert.ok(refused > 10, `${refused}`)
})

test.run()
