// timeout: 180 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describe, Fleet, isOneComponent, seeEachOther } from './fleet.ts'

/** More than a node has links, so that most pairs have none; ../large-swarm.test.ts has a hundred, in virtual time. */
const NODES = 33
/** Nodes of each process; the seed has one of its own, so that it can be killed. */
const PARTS = [
  { name: 'a', from: 1, to: 9 },
  { name: 'b', from: 9, to: 17 },
  { name: 'c', from: 17, to: 25 },
  { name: 'd', from: 25, to: NODES },
]
const HALF = PARTS.slice(0, 2)

const test = suite(`${NODES} real nodes`)
const fleet = await Fleet.make(NODES)
let seed = ''
test.after(() => fleet.stop())

test('one seed is enough to find each other within ten seconds', async () => {
  const [first] = await fleet.start({ name: 'seed', from: 0, to: 1 })
  seed = first!.peer
  await Promise.all(PARTS.map((part) => fleet.start({ ...part, seeds: [first!.address] })))
  const tookMs = await fleet.until(seeEachOther, 10_000)
  const states = await fleet.look()
  assert.is(states.length, NODES)
  report(`found each other ${Math.round(tookMs)} ms after the last start`, states)
})

test('without the seed they stay together', async () => {
  await fleet.kill('seed')
  await fleet.until((states) => {
    assert.ok(isOneComponent(states), describe(states))
    return states.every(({ links }) => !links.includes(seed))
  }, 30_000)
  await fleet.until((states) => seeEachOther(states) && states.every(({ network }) => !network.island), 45_000)
})

test('half of them, restarted elsewhere without a seed, come back from whom they knew', async () => {
  for (const { name } of HALF) await fleet.kill(name)
  await Promise.all(HALF.map((part) => fleet.start(part)))
  const tookMs = await fleet.until(seeEachOther, 30_000)
  report(`came back ${Math.round(tookMs)} ms after the last start`, await fleet.look())
})

test.run()

function report(what: string, states: readonly { links: readonly string[] }[]): void {
  const links = states.map((state) => state.links.length).sort((a, b) => a - b)
  console.log(`${what}; links of a node: ${links[0]} to ${links.at(-1)}, ${links[links.length >> 1]} in the middle`)
}
