import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isRunning } from './support/processes.ts'
import { isWaiting, timeoutMsOf } from './support/test-file.ts'

const root = resolve(import.meta.dirname, '..')
const fixture = (name: string) => `test/fixtures/run/${name}.test.ts`

/** What the runner prints and answers for these arguments. */
function run(...args: string[]): { lines: string[]; lastLine: string; status: number | null } {
  const { stdout, status } = spawnSync(process.execPath, ['test/run.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  const lines = stdout.trimEnd().split('\n')
  return { lines, lastLine: lines.at(-1)!, status }
}

const runner = suite('runner')

runner('counts what passed and closes with one plain line', () => {
  const { lines, lastLine, status } = run(fixture('passing'))
  assert.match(lines[0]!, /^ok {3}test\/fixtures\/run\/passing\.test\.ts: 2 passed \(\d+\.\d s\)$/)
  assert.is(lastLine, '2 passed, 0 failed, 0 skipped')
  assert.is(status, 0)
})

runner('counts skipped tests and shows their reasons', () => {
  const { lines, lastLine, status } = run(fixture('skipping'))
  assert.ok(lines.includes(`SKIP ${fixture('skipping')}: no sandbox on this machine`))
  assert.is(lastLine, '1 passed, 0 failed, 2 skipped')
  assert.is(status, 0)
})

runner('fails wherever uvu alone would stay silent', () => {
  const names = ['failing', 'missing-run', 'empty', 'throwing-hook', 'hanging', 'leaking']
  const { lines, lastLine, status } = run(...names.map(fixture))
  const problemsOf = (name: string) => lines[lines.findIndex((line) => line.includes(`${name}.test.ts: `)) + 1]!.trim()
  for (const name of names)
    assert.ok(
      lines.some((line) => line.startsWith(`FAIL ${fixture(name)}: `)),
      name,
    )
  assert.ok(lines.some((line) => line.includes('Expected values to be strictly equal')))
  assert.is(problemsOf('missing-run'), 'forgotten is never run: add forgotten.run()')
  assert.match(problemsOf('empty'), /^ran no test/)
  assert.match(problemsOf('throwing-hook'), /before hook threw/)
  assert.match(problemsOf('hanging'), /^took longer than 1 s/)
  assert.match(problemsOf('leaking'), /^left a process running: sleep/)
  assert.is(lastLine, '3 passed, 6 failed, 0 skipped')
  assert.is(status, 1)
  for (const [, pid] of lines.join('\n').matchAll(/child=(\d+)/g)) assert.not(isRunning(Number(pid)), `process ${pid}`)
})

runner('runs files that mostly wait beside the others, alone too', () => {
  assert.equal([isWaiting(fixture('waiting')), isWaiting(fixture('passing'))], [true, false])
  assert.is(run(fixture('waiting')).lastLine, '1 passed, 0 failed, 0 skipped')
  assert.is(run(fixture('waiting'), fixture('passing')).lastLine, '3 passed, 0 failed, 0 skipped')
})

runner('says so when an argument matches nothing', () => {
  const { lines, lastLine, status } = run('no-such-folder')
  assert.is(lines[0], 'no test file matches no-such-folder')
  assert.is(lastLine, '0 passed, 0 failed, 0 skipped')
  assert.is(status, 1)
})

runner('reads a declared timeout, in seconds', () => {
  assert.is(timeoutMsOf(resolve(root, fixture('hanging'))), 1000)
  assert.is(timeoutMsOf(resolve(root, fixture('passing'))), 60_000)
})

runner.run()
