import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FrontEnd, KernelClient } from '../../../kernel/client/index.ts'
import { KernelProcess } from '../../../kernel/client/kernel-process.ts'
import { isAividaError } from '../../../runtime/base/index.ts'
import { FAKE_KERNEL } from '../../support/kernels.ts'

const client = suite<{ kernel: KernelClient }>('kernel client')

client.before(async (context) => {
  context.kernel = await KernelClient.start({ argv: FAKE_KERNEL })
})

client.after(async ({ kernel }) => {
  await kernel.shutdown()
})

client('runs a cell and hears its outputs and its reply', async ({ kernel }) => {
  const { reply, outputs } = await kernel.execute('print hello').done()
  assert.is(reply.status, 'ok')
  assert.equal(outputs, [{ type: 'stream', name: 'stdout', text: 'hello' }])
})

client('outputs can be iterated while the cell runs', async ({ kernel }) => {
  const run = kernel.execute('print-then-wait')
  const first = await run[Symbol.asyncIterator]().next()
  assert.equal(first.value, { type: 'stream', name: 'stdout', text: 'before' })
  await kernel.interrupt()
  const types: string[] = []
  for await (const { type } of run) types.push(type)
  assert.equal(types, ['stream', 'error'])
  assert.is((await run.reply).status, 'error')
})

client('a heartbeat comes back', async ({ kernel }) => {
  assert.ok(await kernel.isAlive())
})

client('a reply that never comes is a timeout', async ({ kernel }) => {
  const error = await kernel.request('comm_msg', {}, { ms: 30 }).catch((error) => error)
  assert.ok(isAividaError(error, 'timeout'), error)
})

client('after a restart the kernel counts from one', async ({ kernel }) => {
  const before = kernel.pid
  await kernel.restart()
  assert.is.not(kernel.pid, before)
  assert.is((await kernel.execute('print').done()).reply.execution_count, 1)
})

client('another front end connects to the same kernel, and leaves it running', async ({ kernel }) => {
  const other = await FrontEnd.connect(kernel.connection)
  const { reply } = await other.execute('print').done()
  const waiting = other.execute('print-then-wait', { stopOnError: false })
  await waiting[Symbol.asyncIterator]().next()
  other.disconnect()
  for (const promise of [waiting.reply, other.request('comm_info_request')]) {
    const error = await promise.catch((error) => error)
    assert.ok(isAividaError(error, 'kernel.closed'), error)
  }
  await kernel.interrupt()
  assert.is((await kernel.execute('print').done()).reply.execution_count, reply.execution_count! + 2)
  const nobody = await FrontEnd.connect({ ...kernel.connection, key: 'of another kernel' }, 100).catch((error) => error)
  assert.ok(isAividaError(nobody, 'timeout'), nobody)
})

client('a kernel that dies says how, and what it said last', async () => {
  const kernel = await KernelClient.start({ argv: FAKE_KERNEL })
  const run = kernel.execute('die')
  const waiting = kernel.request('comm_msg', {})
  for (const promise of [run.reply, run.idle, waiting, run.done()]) {
    const error = await promise.then(
      () => undefined,
      (error) => error,
    )
    assert.ok(isAividaError(error, 'kernel.died'), error)
    assert.match(error.message, /exited with code 7/)
    assert.match(error.message, /last words/)
  }
  const late = await kernel.execute('print').reply.catch((error) => error)
  assert.ok(isAividaError(late, 'kernel.died'), late)
})

client('a kernel that somebody asked to end has not died', async () => {
  const kernel = await KernelClient.start({ argv: FAKE_KERNEL })
  const run = kernel.execute('wait 60000')
  const other = await FrontEnd.connect(kernel.connection)
  await other.request('shutdown_request', { restart: false }, { channel: 'control' })
  const error = await run.reply.catch((error) => error)
  assert.ok(isAividaError(error, 'kernel.closed'), error)
  other.disconnect()
})

client('a kernel whose time to end is over is killed at once, without a warning', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error) => void warnings.push(warning)
  process.on('warning', hear)
  const kernel = await KernelProcess.start({ argv: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] })
  assert.match(await kernel.waitOrKill(-5), /SIGKILL/)
  process.off('warning', hear)
  assert.equal(warnings, [])
})

client('a kernel that does not start says why', async () => {
  const missing = await KernelClient.start({ argv: ['/no/such/program'] }).catch((error) => error)
  assert.ok(isAividaError(missing, 'kernel.start'), missing)
  const broken = await KernelClient.start({ argv: [process.execPath, '-e', 'throw new Error("no kernel")'] }).catch(
    (error) => error,
  )
  assert.ok(isAividaError(broken, 'kernel.start'), broken)
  assert.match(broken.message, /no kernel/)
})

client.run()
