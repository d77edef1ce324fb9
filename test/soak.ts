/**
 * `npm run soak -- NAME [COUNT] [SEED]`: what `npm test` does a few times, many times over, from a seed that is printed.
 * `log`: a process that appends is killed. `workers`: workers are killed and stopped at random moments of a job.
 * `durable`: submitters, workers and all of them are killed and started again, COUNT times each.
 * `swarm`: for COUNT seconds, jobs over a bad link while workers are killed and started anew.
 * `gradients`: models at random, their gradients against finite differences.
 */
import { type Random, seededRandom } from '../runtime/base/index.ts'
import { crashRuns } from './log/crash-run.ts'
import { soakDurable } from './soak/durable.ts'
import { soakGradients } from './soak/gradients.ts'
import { soakSwarm } from './soak/swarm.ts'
import { soakWorkers } from './soak/workers.ts'

const soaks = {
  log: [100, soakLog],
  workers: [20, soakWorkers],
  durable: [20, soakDurable],
  swarm: [300, soakSwarm],
  gradients: [1_000, soakGradients],
} as const

const [name = '', count, seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
const soak = Object.hasOwn(soaks, name) ? soaks[name as keyof typeof soaks] : undefined
if (!soak) {
  console.error(`usage: npm run soak -- NAME [COUNT] [SEED]; names are ${Object.keys(soaks).join(', ')}`)
  process.exit(2)
}
const [usual, run] = soak
console.log(`seed ${seed}`)
await run(Number(count ?? usual), seededRandom(Number(seed)))

async function soakLog(runs: number, random: Random): Promise<void> {
  console.log(`${runs} kills, ${await crashRuns(runs, random)} acknowledged entries, none lost, none twice`)
}
