import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nodeClock } from './node-clock.ts'
import { Life, type Site, World } from './world.ts'

const test = suite('clocks of simulated machines')

test('a timer takes time, however little is asked for: the rest of a sum that was rounded is one', async () => {
  const world = new World()
  world.nowMs = 9_999.690780536206
  const site: Site = { name: 'n', isStalled: false, backlog: [], life: undefined }
  const clock = nodeClock(world, new Life(site, 1, 0, () => {}), { rate: 1, skewMs: 0 })
  const beginMs = clock.monoMs()
  const restMs = 4.5e-13
  assert.is(beginMs + restMs, beginMs)
  clock.after(restMs, () => {})
  await world.run(10_000, () => world.events > 0)
  assert.ok(clock.monoMs() > beginMs)
})

test('a world in which time stands still ends as a violation', async () => {
  const world = new World()
  const again = () => void world.after(0, again)
  again()
  await world.run(1, () => false)
  assert.is(world.violation?.rule, 'time-goes-on')
})

test.run()
