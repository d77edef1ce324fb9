/**
 * `npm run sim`: the production node, many times over, in virtual time.
 *
 *     npm run sim -- --seeds 100 [--from N]        seeds N, N+1, ...; default: from 1
 *     npm run sim -- --seed N [--keep 1,4] [--trace FILE]   one seed, or what is left of its faults
 *     npm run sim -- --mutation NAME [--seeds 100] until the planted defect is caught
 *
 * A seed that fails is shrunk, told with the command that replays it, and joins `seeds.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { planOf } from './plan.ts'
import { runSeeds, type SeedResult, type SeedTask } from './sim-process.ts'

const SEEDS = join(import.meta.dirname, 'seeds.json')
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    trace: { type: 'string' },
    mutation: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
  },
})
const failed: SeedResult[] = []
let count = 0
const startMs = performance.now()
await runSeeds(tasks(), {
  processes: values.seed === undefined ? Number(values.processes) : 1,
  ...(values.mutation !== undefined && { mutation: values.mutation }),
  tell,
})
const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
console.log(`${count - failed.length} seeds hold, ${failed.length} fail (${seconds} s)`)
if (values.mutation === undefined) keepSeeds()
process.exitCode = failed.length > 0 === (values.mutation !== undefined) ? 0 : 1

function* tasks(): Generator<SeedTask> {
  if (values.seed !== undefined) {
    const keep = values.keep?.split(',').filter(Boolean).map(Number)
    const traceFile = values.trace
    yield { seed: Number(values.seed), ...(keep && { keep }), ...(traceFile !== undefined && { traceFile }) }
    return
  }
  const from = Number(values.from)
  const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => from + index)
  const nodes = new Map(seeds.map((seed) => [seed, planOf(seed).nodes.length]))
  if (values.mutation === undefined) seeds.sort((a, b) => nodes.get(b)! - nodes.get(a)!) // the longest ones first
  for (const seed of seeds) if (values.mutation === undefined || nodes.get(seed)! <= 25) yield { seed, shrinks: true }
}

/** Whether to go on: a mutation is caught once. */
function tell(result: SeedResult): boolean {
  const { seed, nodes, faults, realMs, outcome } = result
  const { violation, hash, events, virtualMs } = outcome
  count++
  const verdict = violation ? `FAIL ${violation.rule}` : 'ok'
  const size = `${nodes} nodes, ${faults} faults, ${events} events, ${(virtualMs / 1000).toFixed(1)} s`
  console.log(`seed ${seed}: ${verdict} (${size} in ${realMs} ms) ${hash.slice(0, 16)}`)
  if (!violation) return true
  failed.push(result)
  report(result)
  return values.mutation === undefined
}

function report({ seed, outcome, shrunk, faults }: SeedResult): void {
  const { violation, tail, events } = shrunk?.outcome ?? outcome
  const planted = values.mutation === undefined ? '' : ` --mutation ${values.mutation}`
  console.log(`  ${violation!.rule}: ${violation!.message}`)
  console.log(`  replay:   npm run sim -- --seed ${seed}${planted}`)
  if (shrunk) {
    const kept = `${shrunk.keep.length} of ${faults} faults, ${events} events`
    console.log(
      `  shortest: npm run sim -- --seed ${seed} --keep ${shrunk.keep.join(',') || ','}${planted}   (${kept})`,
    )
  }
  for (const line of tail.slice(-60)) console.log(`    ${line.slice(0, 240)}`)
}

/** What failed once is run by every test from now on. */
function keepSeeds(): void {
  const kept: { readonly seeds: { readonly seed: number; readonly why: string }[] } = JSON.parse(
    readFileSync(SEEDS, 'utf8'),
  )
  const fresh = failed.filter(({ seed }) => !kept.seeds.some((known) => known.seed === seed))
  if (fresh.length === 0 || values.seed !== undefined) return
  for (const { seed, outcome } of fresh)
    kept.seeds.push({ seed, why: `${outcome.violation!.rule}: ${outcome.violation!.message.slice(0, 120)}` })
  writeFileSync(SEEDS, `${JSON.stringify(kept, undefined, 2)}\n`)
}
