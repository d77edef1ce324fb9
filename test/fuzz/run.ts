/**
 * `npm run fuzz -- [TARGET] [SECONDS] [SEED] [EXECUTION]`: every decoder (or those whose name begins with TARGET) for
 * SECONDS together, in two processes. With EXECUTION that one input alone, which is how a finding is seen again.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { campaign, type Finding, inputOf, keepFinding } from './campaign.ts'
import { execute } from './execute.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'
import { watchdog } from './watchdog.ts'

const PROCESSES = 2
const SLICE_MS = 1_000

const [name = '', seconds = '60', seedText = String(Date.now() % 1_000_000), execution] = process.argv.slice(2)
const seed = Number(seedText)
const chosen = TARGETS.filter((target) => target.name === name)
const targets = chosen.length > 0 ? chosen : TARGETS.filter((target) => target.name.startsWith(name))
const lane = process.env.FUZZ_LANE
if (targets.length === 0) {
  console.error(`no target begins with ${name}; there are ${TARGETS.map((target) => target.name).join(', ')}`)
  process.exit(2)
}
if (execution !== undefined) process.exit(await replay(targets[0]!, Number(execution)))
if (lane !== undefined) process.exit(await fuzz(Number(lane)))
console.log(`seed ${seed}, ${targets.length} targets, ${seconds} s in ${PROCESSES} processes`)
const codes = await Promise.all(Array.from({ length: PROCESSES }, (_, at) => startLane(at)))
process.exit(Math.max(...codes))

async function replay(target: Target, at: number): Promise<number> {
  const input = inputOf(target, seed, at)
  const verdict = await execute(target, input)
  console.log(`${target.name}, seed ${seed}, execution ${at}: ${input.byteLength} bytes`)
  console.log('violation' in verdict ? verdict.violation : verdict.outcome)
  return 'violation' in verdict ? 1 : 0
}

/** A process for itself: one that hangs or runs out of memory takes nobody with it. */
function startLane(at: number): Promise<number> {
  const args = [fileURLToPath(import.meta.url), name, seconds, String(seed)]
  const env = { ...process.env, FUZZ_LANE: String(at) }
  const child = spawn(process.execPath, args, { env, stdio: 'inherit' })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

/** Every target in turn for a second, over and over; each goes on from where it was, until it breaks. */
async function fuzz(at: number): Promise<number> {
  const watch = watchdog()
  const laneSeed = seed + at
  const half = (at * targets.length) >> 1 // so that short runs reach them all
  const inOrder = [...targets.slice(half), ...targets.slice(0, half)]
  const done = new Map<Target, { executions: number; outcomes: Map<string, number>; slowestMs: number }>()
  const broken = new Map<Target, Finding>()
  const endMs = performance.now() + Number(seconds) * 1000
  while (performance.now() < endMs && broken.size < targets.length)
    for (const target of inOrder) {
      if (broken.has(target) || performance.now() >= endMs) continue
      const before = done.get(target) ?? { executions: 0, outcomes: new Map(), slowestMs: 0 }
      const sliceMs = Math.min(SLICE_MS, (Number(seconds) * 1000) / targets.length)
      const untilMs = Math.min(endMs, performance.now() + sliceMs)
      let lastMs = performance.now()
      const { executions, outcomes, finding } = await campaign(
        target,
        laneSeed,
        () => performance.now() >= untilMs,
        before.executions,
        (number) => {
          before.slowestMs = Math.max(before.slowestMs, performance.now() - lastMs)
          lastMs = performance.now()
          watch(`npm run fuzz -- ${target.name} 0 ${laneSeed} ${number}`)
        },
      )
      before.executions += executions
      for (const [outcome, count] of outcomes) before.outcomes.set(outcome, (before.outcomes.get(outcome) ?? 0) + count)
      done.set(target, before)
      if (!finding) continue
      broken.set(target, finding)
      console.log(
        `FOUND ${finding.target}: ${finding.violation}\n  ${finding.replay}\n  kept as ${keepFinding(finding)}`,
      )
    }
  for (const [{ name }, { executions, outcomes, slowestMs }] of done) {
    const top = [...outcomes].sort((a, b) => b[1] - a[1]).slice(0, 4)
    const shares = top.map(([outcome, count]) => `${outcome} ${Math.round((100 * count) / executions)} %`).join(', ')
    console.log(`${name.padEnd(18)} ${String(executions).padStart(9)} slowest ${slowestMs.toFixed(0)} ms; ${shares}`)
  }
  return broken.size > 0 ? 1 : 0
}
