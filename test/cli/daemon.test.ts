import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isRunning } from '../support/processes.ts'

const MAIN = fileURLToPath(new URL('../../runtime/cli/main.ts', import.meta.url))
const FLAGS = ['--role', 'submitter', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

function start(folder: string, ...argv: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...argv, '--data-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function aivida(folder: string, ...argv: string[]) {
  const child = start(folder, ...argv)
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout!), text(child.stderr!), exit])
  return { out, err, code }
}

test('a node is started in the background, found, and stopped', async () => {
  using dir = scratch()
  const up = await aivida(dir.folder, 'up', '--json', ...FLAGS)
  assert.is(up.code, 0, up.err)
  const { pid, started, readyMs, accepting } = JSON.parse(up.out)
  try {
    assert.equal([started, accepting, isRunning(pid)], [true, true, true])
    assert.ok(readyMs > 0)
    assert.match((await aivida(dir.folder, 'up')).out, `runs already (pid ${pid})`)
    assert.match((await aivida(dir.folder, 'logs')).out, 'the node takes work')
    assert.is((await aivida(dir.folder, 'stop')).code, 0)
    assert.is(isRunning(pid), false)
    assert.is(existsSync(join(dir.folder, 'control.sock')), false)
  } finally {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  }
})

test('a node in the foreground ends in good order on SIGTERM', async () => {
  using dir = scratch()
  const child = start(dir.folder, 'node', ...FLAGS)
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  let said = ''
  for await (const piece of child.stderr!) {
    said += piece
    if (said.includes('the node takes work')) child.kill('SIGTERM')
  }
  assert.is(await exit, 0, said)
  assert.match(said, 'no cluster yet: founded')
  assert.is(existsSync(join(dir.folder, 'control.sock')), false)
})

test('what keeps a background node from starting is told as its own error', async () => {
  using dir = scratch()
  assert.is((await aivida(dir.folder, 'init', 'lab')).code, 0)
  chmodSync(join(dir.folder, 'keys', 'node.key'), 0o644)
  const up = await aivida(dir.folder, 'up', ...FLAGS)
  assert.is(up.code, 2)
  assert.match(up.err, /error key\.readable: [\s\S]*chmod 600/)
})

test('an account is made, backed up and restored', async () => {
  using dir = scratch()
  const backup = join(dir.folder, 'backup.txt')
  const secret = join(dir.folder, 'secret')
  writeFileSync(secret, 'correct horse battery\n')
  const account = (await aivida(dir.folder, 'account', 'create')).out.trim()
  assert.match(account, /^ac_/)
  assert.match((await aivida(dir.folder, 'account', 'create')).err, 'error key.exists')
  assert.match((await aivida(dir.folder, 'account', 'backup', backup)).err, /error backup\.no-passphrase: [\s\S]*--passphrase-file/)
  assert.is((await aivida(dir.folder, 'account', 'backup', backup, '--passphrase-file', secret)).code, 0)
  const other = join(dir.folder, 'other')
  mkdirSync(other)
  const restored = await aivida(other, 'account', 'restore', backup, '--passphrase-file', secret)
  assert.is(restored.out.trim(), account)
})

test('a node is linked to an account on another machine by two words', async () => {
  using dir = scratch()
  const [person, machine] = [join(dir.folder, 'person'), join(dir.folder, 'machine')]
  const account = (await aivida(person, 'account', 'create')).out.trim()
  const request = (await aivida(machine, 'account', 'link', account)).out.trim()
  const approval = (await aivida(person, 'account', 'approve', request)).out.trim()
  const linked = await aivida(machine, 'account', 'link', approval)
  assert.match(linked.out, `this node belongs to ${account}`)
  assert.match((await aivida(machine, 'account', 'link', request)).err, 'error link.malformed')
})

test.run()
