/**
 * Runs the test files, each in a process of its own, as many at once as there are cores, and beside them one of those that
 * mostly wait, for deadlines of strangers and the like, and say so: `// mostly waits`. Arguments pick files or
 * folders (`npm test -- log`, `npm test -- test/base/clock.test.ts`). The last line is `N passed, N failed, N skipped`.
 */
import { existsSync, globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { isWaiting, type Outcome, runTestFile, timeoutMsOf } from './support/test-file.ts'

process.chdir(resolve(import.meta.dirname, '..'))
const { computing = [], waiting = [] } = Object.groupBy(pick(process.argv.slice(2)).sort(longestFirst), (file) =>
  isWaiting(file) ? 'waiting' : 'computing',
)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stop.abort()
    process.exit(1)
  })
}

const outcomes: Outcome[] = []
const lists = { computing: computing.values(), waiting: waiting.values() }
await Promise.all([
  ...Array.from({ length: availableParallelism() }, () => runEach(lists.computing, lists.waiting)),
  runEach(lists.waiting),
])

for (const { file, skipReasons } of outcomes) for (const reason of skipReasons) console.log(`SKIP ${file}: ${reason}`)
const sum = (key: 'passed' | 'failed' | 'skipped') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
const failedFiles = outcomes.filter(({ failed }) => failed > 0).map(({ file }) => file)
if (failedFiles.length > 0) console.log(`failed: ${failedFiles.join(' ')}`)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exit(sum('failed') > 0 || outcomes.length === 0 ? 1 : 0)

/** Takes files off shared lists until they are empty. */
async function runEach(...lists: readonly Iterable<string>[]): Promise<void> {
  for (const list of lists)
    for (const file of list) {
      const outcome = await runTestFile(file, stop.signal)
      outcomes.push(outcome)
      report(outcome)
    }
}

function report({ file, passed, failed, skipped, problems, durationMs, output }: Outcome): void {
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`]
  const time = `${(durationMs / 1000).toFixed(1)} s`
  console.log(`${failed > 0 ? 'FAIL' : 'ok  '} ${file}: ${counts.filter(Boolean).join(', ')} (${time})`)
  if (failed === 0) return
  for (const problem of problems) console.log(`     ${problem}`)
  console.log(output.trimEnd())
}

/** A file is taken as named; a folder means the test files in it, `test/` may be left out. No argument: all of them. */
function pick(args: readonly string[]): string[] {
  const all = globSync('test/**/*.test.ts').filter((file) => !file.startsWith(join('test', 'fixtures')))
  if (args.length === 0) return all
  const picked = args.flatMap((arg) => {
    const path = relative('.', arg)
    if (path.endsWith('.ts') && existsSync(path)) return [path]
    const found = all.filter((file) => file.startsWith(`${path}/`) || file.startsWith(`test/${path}`))
    if (found.length === 0) console.log(`no test file matches ${arg}`)
    return found
  })
  return [...new Set(picked)]
}

/** The file that ends last should start first: declared time, then the slow kinds, then the name. */
function longestFirst(a: string, b: string): number {
  const isSlow = (file: string) => Number(/e2e|integration|simulation/.test(file))
  return timeoutMsOf(b) - timeoutMsOf(a) || isSlow(b) - isSlow(a) || a.localeCompare(b)
}
