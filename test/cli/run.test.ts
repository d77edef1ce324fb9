import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestControl } from '../support/control.ts'

const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))

/** Runs a script by the real command, in a process of its own and a folder that has no packages. */
async function run(folder: string, script: string, args: readonly string[] = [], loader: readonly string[] = []) {
  writeFileSync(join(folder, 'script.ts'), script)
  const child = spawn(process.execPath, [...loader, MAIN, 'run', '--data-dir', folder, 'script.ts', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AIVIDA_SOCKET_PATH: join(folder, 'node.sock') },
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { out, err, code }
}

// An enum and a parameter property: TypeScript that only a compiler takes, not a stripper of types.
const SCRIPT = `
import { connect, isAividaError, type JobStatus } from 'aivida'
enum Colour { Red = 'red' }
class Greeter { constructor(private readonly name: string) {} hello(): string { return 'hello ' + this.name } }
const client = await connect()
const info = await client.info()
console.log(new Greeter(info.name).hello(), Colour.Red, process.argv.slice(2).join())
const jobs: JobStatus[] = await client.jobs()
console.log(jobs.length)
try { await client.job('job-x').status() } catch (error) { console.log(isAividaError(error, 'job.unknown')) }
setTimeout(() => console.log('later'), 50)
`

test('a typed script runs anywhere, with its arguments, and to its end', async () => {
  await using control = await startTestControl()
  const { out, err, code } = await run(control.folder, SCRIPT, ['--json', 'x'])
  assert.is(err, '')
  assert.is(out, 'hello fake red --json,x\n0\ntrue\nlater\n')
  assert.is(code, 0)
})

test('it runs as well when the command itself was loaded through tsx', async () => {
  await using control = await startTestControl()
  const { out, err } = await run(control.folder, SCRIPT, [], ['--import', import.meta.resolve('tsx')])
  assert.is(err, '')
  assert.match(out, 'hello fake red')
})

test('what the script throws is printed as an error of ours, with its exit code', async () => {
  await using control = await startTestControl()
  const script = "import { connect } from 'aivida'\nawait (await connect()).job('job-x').status()\n"
  const { err, code } = await run(control.folder, script)
  assert.match(err, /^error job\.unknown: no job "job-x" here/)
  assert.is(code, 2)
})

test('it imports other files beside it, which may await as well, with and without their suffix', async () => {
  await using control = await startTestControl()
  writeFileSync(join(control.folder, 'one.ts'), 'export const one: number = await Promise.resolve(1)\n')
  writeFileSync(join(control.folder, 'two.ts'), "import { one } from './one'\nexport const two = one + (await 1)\n")
  const { out, err } = await run(control.folder, "import { two } from './two.ts'\nconsole.log(two)\n")
  assert.is(err, '')
  assert.is(out, '2\n')
})

for (const [what, script, expected] of [
  ['cannot be compiled', 'export const rate = 3 +\n', /script\.ts:2:0: ERROR: Unexpected end of file/],
  ['imports what is not there', "import './none.ts'\n", /Cannot find module .*none\.ts/],
  ['throws', 'function f() {\n  throw new Error("no rows")\n}\nf()\n', /no rows\n {4}at f \(.*script\.ts:2:\d+\)/],
] as const)
  test(`a script that ${what} is at fault, not we: it says where, without the lines of what loaded it`, async () => {
    await using control = await startTestControl()
    const { err, code } = await run(control.folder, script)
    assert.match(err, /^error script\.failed: script\.ts failed: /)
    assert.match(err, expected)
    assert.not.match(err, /node_modules|node:internal/)
    assert.is(code, 2)
  })

test('a script that is not there is said', async () => {
  await using control = await startTestControl()
  const child = spawn(process.execPath, [MAIN, 'run', 'missing.ts'], {
    cwd: control.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  assert.match(await text(child.stderr), /^error script\.missing: /)
})

test.run()
