import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { Client } from '../../../runtime/node/control/client.ts'
import { startControlServer } from '../../../runtime/node/control/server.ts'
import { codeOf, startTestControl } from '../../support/control.ts'
import { FakeNodeService } from '../../support/fake-node-service.ts'

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

const start = (socketPath: string, uploadDir: string) =>
  startControlServer({
    service: new FakeNodeService(),
    socketPath,
    uploadDir,
    clock: systemClock,
    random: seededRandom(1),
  })

test('socket and folder are for their owner alone', async () => {
  using dir = scratch()
  const socketPath = join(dir.folder, 'new', 'node.sock')
  const server = await start(socketPath, join(dir.folder, 'uploads'))
  assert.is(statSync(socketPath).mode & 0o777, 0o600)
  assert.is(statSync(join(dir.folder, 'new')).mode & 0o777, 0o700)
  assert.is(statSync(join(dir.folder, 'uploads')).mode & 0o777, 0o700)
  await server.stop()
  assert.is(existsSync(socketPath), false)
})

test('a live node keeps its socket, and the error names its pid', async () => {
  await using control = await startTestControl()
  try {
    await start(control.socketPath, join(control.folder, 'other'))
    assert.unreachable()
  } catch (error) {
    assert.ok(isAividaError(error, 'socket.in-use'))
    assert.match(error.message, `pid ${process.pid}`)
    assert.is(error.facts.pid, process.pid)
  }
  assert.is((await control.client.info()).name, 'fake')
})

test('something else that listens there is left alone too', async () => {
  using dir = scratch()
  const path = join(dir.folder, 'node.sock')
  const stranger = createServer((socket) => socket.end('hello')).listen(path)
  await once(stranger, 'listening')
  assert.is(await codeOf(start(path, dir.folder)), 'socket.in-use')
  stranger.close()
})

test('the socket of a dead node is replaced', async () => {
  using dir = scratch()
  const path = join(dir.folder, 'node.sock')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit')
  assert.is(statSync(path).isSocket(), true)
  const client = new Client({ socketPath: path })
  assert.is(await codeOf(client.info()), 'node.not-running')
  const server = await start(path, join(dir.folder, 'uploads'))
  assert.is((await client.info()).name, 'fake')
  await client.close()
  await server.stop()
})

test('a file that is no socket is never deleted', async () => {
  using dir = scratch()
  const path = join(dir.folder, 'node.sock')
  writeFileSync(path, 'precious')
  assert.is(await codeOf(start(path, join(dir.folder, 'uploads'))), 'socket.not-a-socket')
  assert.is(existsSync(path), true)
})

test('a path that the system would cut is refused, with the limit and a remedy', async () => {
  using dir = scratch()
  const path = join(dir.folder, 'x'.repeat(120), 'node.sock')
  try {
    await start(path, join(dir.folder, 'uploads'))
    assert.unreachable()
  } catch (error) {
    assert.ok(isAividaError(error, 'socket.path-too-long'))
    assert.match(error.message, 'at most 100')
    assert.match(String(error.facts.remedy), 'shorter')
  }
})

test('a folder that others may write to is refused', async () => {
  using dir = scratch()
  const open = join(dir.folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  assert.is(await codeOf(start(join(open, 'node.sock'), join(dir.folder, 'uploads'))), 'socket.folder-open')
})

test('without a node the client says how to start one', async () => {
  using dir = scratch()
  const client = new Client({ socketPath: join(dir.folder, 'node.sock') })
  try {
    await client.info()
    assert.unreachable()
  } catch (error) {
    assert.ok(isAividaError(error, 'node.not-running'))
    assert.match(error.message, 'aivida up')
  }
  assert.is(await codeOf(client.events().next()), 'node.not-running')
  await client.close()
})

test('a stop does not wait for readers', async () => {
  const control = await startTestControl()
  const events = control.client.events()
  await events.next()
  await control.server.stop()
  assert.is(existsSync(control.socketPath), false)
  await control.client.close()
})

test.run()
