import { suite } from 'uvu'
import { seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { memoryNetwork } from '../../../runtime/swarm/transport/index.ts'
import { transportConformance } from '../../conformance/transport.ts'

const test = suite('transport in memory')
const network = memoryNetwork({ clock: systemClock, random: seededRandom(1), latencyMs: [0, 1] })
let peers = 0

transportConformance(test, {
  carrier: 'memory',
  refusesAtOnce: true,
  create: async (options) => network.transport(`peer-${peers++}`, options),
})

test.run()
