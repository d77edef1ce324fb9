/**
 * A process of the simulator: runs the seeds that its parent sends, one after the other. Its argument names a mutation
 * to plant, if any. Started by `sim-process.ts` under Node alone: a loader of TypeScript would bring real time in.
 */
import { mutation } from './mutations.ts'
import { patchModules } from './patches.ts'
import type { SeedResult, SeedTask } from './sim-process.ts'
import { VERDICTS_KEPT } from './verdicts.ts'
import { WATCHING } from './watching.ts'

const planted = process.argv[2] ? mutation(process.argv[2]).patches : []
const assertPatched = patchModules([...WATCHING, VERDICTS_KEPT, ...planted])
const { planOf, withFaults } = await import('./plan.ts')
const { rightPart } = await import('./doubling.ts')
const { shrink } = await import('./shrink.ts')
const { simulate } = await import('./simulate.ts')
await rightPart(0, 1, 1, 0) // loads what writes parts: no run shall wait for it in real time
assertPatched()

async function run({ seed, keep, traceFile, shrinks }: SeedTask): Promise<SeedResult> {
  const whole = planOf(seed)
  const plan = keep ? withFaults(whole, keep) : whole
  const startMs = performance.now()
  const outcome = await simulate(plan, traceFile)
  const shrunk = outcome.violation && shrinks ? await shrink(plan, outcome, (smaller) => simulate(smaller)) : undefined
  const realMs = Math.round(performance.now() - startMs)
  return { seed, nodes: plan.nodes.length, faults: plan.faults.length, realMs, outcome, ...(shrunk && { shrunk }) }
}

process.on('message', (task: SeedTask) => {
  run(task).then(
    (result) => process.send!(result),
    (error) => {
      console.error(`seed ${task.seed}: the simulator itself failed`, error)
      process.exit(1)
    },
  )
})
process.send!('ready')
