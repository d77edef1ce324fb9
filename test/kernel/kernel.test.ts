/** A kernel as a process: strangers at its ports, and the ways in which it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Dealer } from 'zeromq'
import { KernelClient } from '../../kernel/client/index.ts'
import { endpointOf } from '../../kernel/messaging/connection.ts'
import { MessageMaker } from '../../kernel/messaging/message.ts'
import { Wire } from '../../kernel/messaging/wire.ts'
import { FAKE_KERNEL, isBusy, REAL_KERNEL } from '../support/kernels.ts'
import { isRunning } from '../support/processes.ts'

const kernels = suite('kernel')
const started: KernelClient[] = []

kernels.after.each(async () => {
  for (const kernel of started.splice(0)) await kernel.kill()
})

kernels('what is not signed with its key, or no message at all, does nothing', async () => {
  const kernel = await start()
  const socket = new Dealer({ linger: 0 })
  socket.connect(endpointOf(kernel.connection, 'shell'))
  const request = new MessageMaker().make('execute_request', { code: 'die' })
  const signed = new Wire(kernel.connection.key).encode(request)
  for (const frames of [
    new Wire('another key').encode(request),
    signed.with(5, Buffer.from('{"code":"die","silent":true}')),
    signed.slice(0, 4),
    [Buffer.from('<IDS|MSG>')],
    [Buffer.alloc(0)],
    [Buffer.from('no message')],
  ])
    await socket.send(frames as never)
  const { reply } = await kernel.execute('value 1').done()
  assert.is(reply.execution_count, 1)
  await socket.send(signed as never) // the test can fail: this one counts
  assert.is(await kernel.ended, 'it exited with code 7', kernel.words)
  socket.close()
})

kernels('ends when it is sent SIGTERM', async () => {
  const kernel = await start()
  assert.is(await kernel.kill('SIGTERM'), 'it exited with code 0')
})

for (const word of ['loop', 'compute'])
  kernels(`ends when it is sent SIGTERM, or asked to shut down, while a cell does: ${word}`, async () => {
    const [told, asked] = await Promise.all([start(), start()])
    await Promise.all([isBusy(told, word), isBusy(asked, word)])
    asked.request('shutdown_request', { restart: false }, { channel: 'control' }).catch(() => {})
    const timer = setInterval(() => isRunning(told.pid) && process.kill(told.pid, 'SIGTERM'), 100) // the first wait at the kernel's thread, which is busy
    assert.is(await told.ended, 'it was ended by SIGTERM')
    clearInterval(timer)
    assert.is(await asked.ended, word === 'loop' ? 'it exited with code 0' : 'it was ended by SIGKILL')
  })

kernels('an interrupt ends a first cell that computes from the start', async () => {
  const kernel = await start()
  const run = kernel.execute('loop')
  await kernel.interrupt()
  assert.match(JSON.stringify(await run.reply), /interrupted while it computed/)
  assert.is((await kernel.execute('value 1').done()).reply.status, 'ok')
})

for (const busy of [undefined, 'loop', 'compute'])
  kernels(`ends when the process that started it is gone${busy ? `, while a cell does: ${busy}` : ''}`, async () => {
    const parent = spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('../support/kernel-parent.ts', import.meta.url)),
      ...(busy ? [busy] : []),
    ])
    const [said] = await once(parent.stdout.setEncoding('utf8'), 'data')
    const pid = Number(said)
    assert.ok(isRunning(pid))
    parent.kill('SIGKILL')
    const deadlineMs = performance.now() + 10_000
    while (isRunning(pid) && performance.now() < deadlineMs) await sleep(20)
    assert.not(isRunning(pid))
  })

kernels('says in a line why it does not start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-kernel-'))
  const path = join(folder, 'connection.json')
  const { connection } = await start()
  for (const [kernel, content, words] of [
    [REAL_KERNEL, undefined, /^expected the path of a Jupyter connection file: ENOENT.*\n$/],
    [FAKE_KERNEL, { ...connection, key: '' }, /no connection file that this kernel takes: key: /],
    [FAKE_KERNEL, { ...connection, signature_scheme: 'md5' }, /no connection file .*signature_scheme: /],
    [FAKE_KERNEL, connection, /cannot listen at tcp:\/\/127\.0\.0\.1:\d+ \(EADDRINUSE\)/],
  ] as const) {
    if (content) writeFileSync(path, JSON.stringify(content))
    const [command, ...args] = kernel.map((arg) => arg.replace('{connection_file}', path))
    const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const [said, [code]] = await Promise.all([child.stderr.setEncoding('utf8').toArray(), once(child, 'exit')])
    assert.match(said.join(''), words)
    assert.is(code, 1)
  }
  rmSync(folder, { recursive: true })
})

kernels.run()

async function start(): Promise<KernelClient> {
  const kernel = await KernelClient.start({ argv: FAKE_KERNEL })
  started.push(kernel)
  return kernel
}
