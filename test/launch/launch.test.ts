// timeout: 60 s
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isRunning } from '../support/processes.ts'
import { skip } from '../support/skip.ts'

const root = resolve(import.meta.dirname, '../..')
const launcher = join(root, 'runtime/launch/launch.js')
const entry = 'test/fixtures/launch/child.js'

interface Run {
  readonly child: ChildProcess
  /** What the entry said about itself. */
  readonly said: Promise<{ pid: number; node: string; rest: string[] }>
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>
}

function start(command: string, args: readonly string[], options: SpawnOptions = {}): Run {
  const { npm_lifecycle_event: _, ...env } = process.env
  const child = spawn(command, args, { cwd: root, env, ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const said = new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
      if (stdout.includes('\n')) resolve(stdout)
    })
  })
  return {
    child,
    said: said.then((text) => JSON.parse(text.split('\n')[0]!)),
    ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))),
  }
}

/** A Node older than the one that Aivida brings, where the machine has one. */
function olderNode(): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((file) => existsSync(file) && Number(execFileSync(file, ['-p', 'process.versions.node.split(".")[0]'])) < 24)
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 500, 'gave up waiting')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const launch = suite('launch')

launch('runs the entry in this process on Node 24, with its arguments and its exit code', async () => {
  const run = start(process.execPath, [launcher, entry, '3', 'a b', '--flag'])
  const { pid, rest } = await run.said
  assert.is(pid, run.child.pid)
  assert.equal(rest, ['a b', '--flag'])
  assert.is((await run.ended).code, 3)
})

launch('respawns under Node 24 and passes exit codes and signals through', async () => {
  const node = olderNode()
  if (!node) return skip('no Node older than 24 on PATH')
  const coded = start(node, [launcher, entry, '5', 'a b'])
  const { pid, node: version, rest } = await coded.said
  assert.is.not(pid, coded.child.pid)
  assert.is(version.split('.')[0], '24')
  assert.equal(rest, ['a b'])
  assert.is((await coded.ended).code, 5)

  const stopped = start(node, [launcher, entry, 'wait'])
  await stopped.said
  stopped.child.kill('SIGTERM')
  const { code, stdout } = await stopped.ended
  assert.match(stdout, /^SIGTERM$/m)
  assert.is(code, 7)

  const killed = start(node, [launcher, entry, 'wait'])
  const inner = await killed.said
  process.kill(inner.pid, 'SIGKILL')
  assert.is((await killed.ended).signal, 'SIGKILL')
})

launch('ends when the launcher that respawned it is killed outright', async () => {
  const node = olderNode()
  if (!node) return skip('no Node older than 24 on PATH')
  const run = start(node, [launcher, entry, 'wait'])
  const { pid } = await run.said
  run.child.kill('SIGKILL')
  await until(() => !isRunning(pid))
})

launch('ends when npm is killed, though the shell between them forwards nothing', async () => {
  const shell = `"${process.execPath}" "${launcher}" ${entry} wait; true`
  const npm = `require('child_process').spawn('sh', ['-c', ${JSON.stringify(shell)}], { stdio: 'inherit' })`
  const run = start(process.execPath, ['-e', npm], { env: { ...process.env, npm_lifecycle_event: 'start' } })
  const { pid } = await run.said
  run.child.kill('SIGKILL')
  await until(() => !isRunning(pid))
})

const install = suite('install')
const checkout = mkdtempSync(join(tmpdir(), 'aivida launch '))

install.before(() => {
  mkdirSync(join(checkout, 'runtime/launch'), { recursive: true })
  for (const name of ['launch.js', 'cache-folder.js'])
    copyFileSync(join(dirname(launcher), name), join(checkout, 'runtime/launch', name))
  copyFileSync(join(root, entry), join(checkout, 'child.js'))
  for (const name of ['one', 'two']) {
    mkdirSync(join(checkout, name))
    writeFileSync(join(checkout, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
  }
})
install.after(() => rmSync(checkout, { recursive: true }))

/** Makes the checkout depend on these local packages, as package.json and the lockfile say it. */
function dependOn(...names: string[]): void {
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:${name}`]))
  const manifest = { name: 'checkout', version: '1.0.0', type: 'module', dependencies }
  const packages = Object.fromEntries(
    names.flatMap((name) => [
      [name, { version: '1.0.0' }],
      [`node_modules/${name}`, { resolved: name, link: true }],
    ]),
  )
  writeFileSync(join(checkout, 'package.json'), JSON.stringify(manifest))
  writeFileSync(
    join(checkout, 'package-lock.json'),
    JSON.stringify({ ...manifest, lockfileVersion: 3, requires: true, packages: { '': manifest, ...packages } }),
  )
}

const launchCheckout = () =>
  start(process.execPath, ['runtime/launch/launch.js', 'child.js', '0'], { cwd: checkout }).ended

install('installs what is missing, once, and again when the lockfile changes; stdout stays the entry’s', async () => {
  dependOn('one')
  const first = await launchCheckout()
  assert.is(first.code, 0, first.stderr)
  assert.match(first.stderr, /^aivida: installing packages, once/)
  assert.is(first.stdout.split('\n').length, 2)
  assert.ok(existsSync(join(checkout, 'node_modules/one/package.json')))
  assert.is((await launchCheckout()).stderr, '')

  const hidden = join(checkout, 'node_modules/.package-lock.json') // npm knows more here than the lockfile may
  const installed = JSON.parse(readFileSync(hidden, 'utf8'))
  installed.packages['node_modules/one'].integrity = 'sha512-x'
  writeFileSync(hidden, JSON.stringify(installed))
  assert.is((await launchCheckout()).stderr, '')

  rmSync(hidden)
  assert.match((await launchCheckout()).stderr, /installing/)
  assert.is((await launchCheckout()).stderr, '')

  dependOn('one', 'two')
  assert.match((await launchCheckout()).stderr, /installing/)
  assert.ok(existsSync(join(checkout, 'node_modules/two/package.json')))
  dependOn('two')
  assert.match((await launchCheckout()).stderr, /installing/)
  assert.not(existsSync(join(checkout, 'node_modules/one')))
})

install('of two starts at once one installs and the other waits; a lock of who has ended is no lock', async () => {
  dependOn('one')
  rmSync(join(checkout, 'node_modules'), { recursive: true, force: true })
  const id = createHash('sha256').update(realpathSync(checkout)).digest('hex').slice(0, 16)
  const lock = join(tmpdir(), `aivida-install-${id}`)
  const { child, ended } = start(process.execPath, ['-e', ''])
  await ended
  writeFileSync(lock, String(child.pid))
  const both = await Promise.all([launchCheckout(), launchCheckout()])
  assert.equal(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ stderr }) => stderr).join('\n'),
  )
  assert.is(both.filter(({ stderr }) => stderr.includes('installing packages, once')).length, 1)
  assert.not(existsSync(lock))
})

install('says so and runs nothing when the install fails', async () => {
  dependOn('one')
  rmSync(join(checkout, 'node_modules'), { recursive: true, force: true })
  writeFileSync(join(checkout, 'package.json'), JSON.stringify({ name: 'checkout', dependencies: { two: 'file:two' } }))
  const { code, stdout } = await launchCheckout()
  assert.is.not(code, 0)
  assert.is(stdout, '')
})

launch.run()
install.run()
