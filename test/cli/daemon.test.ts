import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../runtime/base/index.ts'
import { isRunning } from '../support/processes.ts'
import { DAY, sampleCharter, sampleTicket, seed } from '../swarm/charter/sample-cluster.ts'
import { peerOf } from '../swarm/identity/sample-keys.ts'
import { aivida, scratch } from './command-line.ts'

const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))
const FLAGS = ['--role', 'submitter', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']

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
    const stop = await aivida(dir.folder, 'stop')
    assert.is(stop.code, 0, stop.err)
    assert.is(isRunning(pid), false)
    assert.is(existsSync(join(dir.folder, 'control.sock')), false)
  } finally {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  }
})

test('a node in the foreground founds its cluster, and ends in good order on SIGTERM', async () => {
  using dir = scratch()
  const child = spawn(process.execPath, [MAIN, 'node', ...FLAGS, '--data-dir', dir.folder], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  let said = ''
  for await (const piece of child.stderr) {
    said += piece
    if (String(piece).includes('the node takes work')) child.kill('SIGTERM')
  }
  assert.is(await exit, 0, said)
  assert.match(said, 'no cluster yet: founded')
  assert.is(existsSync(join(dir.folder, 'control.sock')), false)
})

test('what keeps a background node from starting is told as its own error', async () => {
  using dir = scratch()
  const init = await aivida(dir.folder, 'init', 'lab')
  assert.is(init.code, 0, init.err)
  chmodSync(join(dir.folder, 'keys', 'node.key'), 0o644)
  const up = await aivida(dir.folder, 'up', ...FLAGS)
  assert.is(up.code, 2)
  assert.match(up.err, /error key\.readable: [\s\S]*chmod 600/)
})

test('a node that could not start leaves the cluster that it founded, and is free to join another', async () => {
  using dir = scratch()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const up = await aivida(dir.folder, 'up', ...FLAGS, '--listen', `/ip4/127.0.0.1/tcp/${port}`)
  other.close()
  assert.match(up.err, 'error transport.listen')
  const left = await aivida(dir.folder, 'leave')
  assert.is(left.code, 0, left.err)
  assert.match((await aivida(dir.folder, 'leave')).err, 'error cluster.none')
  const init = await aivida(dir.folder, 'init', 'another')
  assert.is(init.code, 0, init.err)
})

test('join says whom it calls, and where, before anybody answers', async () => {
  using dir = scratch()
  const peer = peerOf(seed)
  const now = systemClock.wallMs()
  const seeds = [`/ip4/127.0.0.1/tcp/1/p2p/${peer}`, `/ip4/127.0.0.1/tcp/2/p2p/${peer}`]
  const ticket = sampleTicket(sampleCharter(), { seeds, issuedWallMs: now, expiresWallMs: now + DAY })
  const join = await aivida(dir.folder, 'join', ticket, ...FLAGS)
  assert.is(join.code, 4)
  assert.match(join.err, new RegExp(`^calling ${peer} at /ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2 \\.\\.\\.\n`))
  assert.match(join.err, /error join\.no-seed: [\s\S]*ask for a new ticket/)
})

test.run()
