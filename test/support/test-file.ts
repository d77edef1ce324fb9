import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { groupMembers, killGroup } from './processes.ts'

/** What all files import is compiled once; no loader is needed, Node strips our types itself. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/aivida', import.meta.url))
const DEFAULT_TIMEOUT_MS = 60_000
const GRACE_MS = 2_000
const POLL_MS = 20
const OUTPUT_CHARACTERS = 1 << 20

/** How one test file ended. `problems` say what is wrong beyond single failed tests; any makes the file fail. */
export interface Outcome {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Why tests were skipped, as the file printed it after `SKIP `. */
  readonly skipReasons: readonly string[]
  readonly problems: readonly string[]
  readonly durationMs: number
  readonly output: string
}

/** The time a file may take, from `// timeout: 120 s` in its first five lines. Default: 60,000 ms. */
export function timeoutMsOf(file: string): number {
  const seconds = /^\/\/ timeout: (\d+) s$/m.exec(headOf(file))?.[1]
  return seconds === undefined ? DEFAULT_TIMEOUT_MS : Number(seconds) * 1000
}

/** Whether a file waits for most of its time, so that a core has room for another one: `// mostly waits` is at its head. */
export function isWaiting(file: string): boolean {
  return /^\/\/ mostly waits$/m.test(headOf(file))
}

function headOf(file: string): string {
  return readFileSync(file, 'utf8').split('\n', 5).join('\n')
}

/** Runs one uvu file in a process group of its own, which is dead when this resolves. */
export async function runTestFile(file: string, signal: AbortSignal): Promise<Outcome> {
  const startMs = performance.now()
  const { code, timedOut, left, output } = await execute(file, signal)
  const [total, ran, unrun] = [count(output, 'Total'), count(output, 'Passed'), count(output, 'Skipped')]
  const skipReasons = [...output.matchAll(/(?:^|\s)SKIP (.+)$/gm)].map((match) => match[1]!.trim())
  const problems = unrunSuites(file).map((name) => `${name} is never run: add ${name}.run()`)
  problems.push(...left.map((name) => `left a process running: ${name}`))
  if (timedOut) problems.push(`took longer than ${timeoutMsOf(file) / 1000} s; a file that may says "// timeout: N s"`)
  else if (total === 0) problems.push('ran no test: no .run(), or the process ended before its tests')
  else if (code !== 0 && total === ran) problems.push(`exited with ${code ?? 'a signal'}`)
  else if (code === 0 && total !== ran) problems.push('tests did not run: a before hook threw')
  return {
    file,
    passed: Math.max(0, ran - skipReasons.length),
    failed: Math.max(total - ran, problems.length > 0 ? 1 : 0),
    skipped: unrun + skipReasons.length,
    skipReasons,
    problems,
    durationMs: performance.now() - startMs,
    output,
  }
}

interface Execution {
  readonly code: number | null
  readonly timedOut: boolean
  /** Processes that the file started and did not end. */
  readonly left: readonly string[]
  readonly output: string
}

async function execute(file: string, signal: AbortSignal): Promise<Execution> {
  const { FORCE_COLOR: _, ...env } = process.env
  const child = spawn(process.execPath, [file], {
    detached: true,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const groupId = child.pid!
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARACTERS)
    })
  }
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
  let timedOut = false
  const kill = () => killGroup(groupId)
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, timeoutMsOf(file))
  signal.addEventListener('abort', kill, { once: true })
  const code = await exited
  clearTimeout(timer)
  const left = timedOut ? [] : await leftovers(groupId)
  kill()
  await leftovers(groupId) // dying takes its time, too
  signal.removeEventListener('abort', kill)
  await Promise.race([closed, sleep(GRACE_MS)]) // a daemon outside the group may hold the pipes open
  return { code, timedOut, left, output }
}

/** Names of the suites that a file defines and never runs: uvu drops their tests without a word. */
function unrunSuites(file: string): string[] {
  const source = readFileSync(file, 'utf8')
  const suites = [...source.matchAll(/^const (\w+) = suite(?:<.*?>)?\(/gm)].map((match) => match[1]!)
  if (/^import \{[^}]*\btest\b[^}]*\} from 'uvu'/m.test(source)) suites.push('test')
  return suites.filter((name) => !source.includes(`${name}.run()`))
}

/** uvu prints its counts once, at the end. */
function count(output: string, label: string): number {
  return Number(output.match(new RegExp(`^ {2}${label}: +(\\d+)$`, 'm'))?.[1] ?? 0)
}

/** Names of the group's processes that still run after the grace they get to follow the test's end. */
async function leftovers(groupId: number): Promise<string[]> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const names = groupMembers(groupId)
    if (names.length === 0 || waitedMs >= GRACE_MS) return names
    await sleep(POLL_MS)
  }
}
