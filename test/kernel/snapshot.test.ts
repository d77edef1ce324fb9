// timeout: 180 s
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KernelClient } from '../../kernel/client/index.ts'
import { launcher } from '../../kernel/install/kernelspec.ts'
import { buildSnapshot, snapshotStatus } from '../../kernel/snapshot/snapshot.ts'

const folder = mkdtempSync(join(tmpdir(), 'aivida-snapshot-'))
const argv = [process.execPath, launcher(), '{connection_file}']
const start = (env: Record<string, string> = {}) =>
  KernelClient.start({ argv, cwd: folder, env: { NODE_OPTIONS: '', ...env } })
const FROM_SNAPSHOT = 'Symbol.for("aivida.snapshot") in globalThis'
const resultOf = async (client: KernelClient, code: string) => {
  const { outputs } = await client.execute(code).done()
  const [output] = outputs
  return output?.type === 'execute_result' ? output.data['text/plain'] : output
}

const snapshot = suite('kernel/snapshot')

snapshot('a kernel starts from the snapshot, as the process that was launched', async () => {
  const { blob, bytes } = await buildSnapshot()
  assert.ok(bytes! > 10_000_000)
  const client = await start()
  try {
    assert.is(await resultOf(client, FROM_SNAPSHOT), 'true')
    assert.is(await resultOf(client, 'process.pid'), String(client.pid))
    assert.is(await resultOf(client, 'const cells: number[] = [1, 2]\ncells.length'), '2')
    const wrong = (await resultOf(client, 'cells.nothing')) as { evalue: string }
    assert.match(wrong.evalue, /^1:7 - Property 'nothing' does not exist on type 'number\[\]'/)
    assert.equal((await client.complete('cluster.tr', 10)).matches, ['train'])
    assert.is(await resultOf(client, 'import { isAividaError } from "aivida"\ntypeof isAividaError'), "'function'")
    assert.is(await resultOf(client, 'process.env.KERNEL_CACHE ?? process.env.KERNEL_STARTING'), undefined)
    const fork = `import { fork } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
const [ended] = await once(fork('${join(folder, 'forked.mjs')}'), 'exit')
const [said] = await once(new Worker('require("node:worker_threads").parentPort.postMessage(7)', { eval: true }), 'message')
ended + said`
    writeFileSync(join(folder, 'forked.mjs'), 'process.exit(Symbol.for("aivida.snapshot") in globalThis ? 1 : 40)')
    assert.is(await resultOf(client, fork), '47')
    assert.is(client.words, '')
  } finally {
    await client.shutdown()
  }
  assert.not(readdirSync(join(blob!, '..')).some((name) => name.endsWith('.starting')))
})

snapshot('one that is there is not built again', async () => {
  const before = await snapshotStatus()
  assert.equal(await buildSnapshot(), before)
})

snapshot('one that Node refuses fails one start; the next is plain, and the snapshot is gone', async () => {
  const { blob } = await snapshotStatus()
  const cache = join(folder, 'cache')
  const refused = join(mkdtempSync(cache), basename(blob!).replace(/-\d+\.blob$/, '-7.blob'))
  writeFileSync(refused, 'nothing')
  const env = { KERNEL_CACHE: join(refused, '..') }
  await start(env).then(
    () => assert.unreachable('it starts'),
    (error) => assert.is(error.code, 'kernel.start', error.message),
  )
  const client = await start(env)
  assert.is(await resultOf(client, FROM_SNAPSHOT), 'false')
  await client.shutdown()
  assert.not(existsSync(refused))
})

snapshot('half of one is none', async () => {
  const { blob } = await snapshotStatus()
  writeFileSync(join(folder, basename(blob!)), 'half')
  process.env.KERNEL_CACHE = folder
  const { blob: found, folder: looked } = await snapshotStatus()
  delete process.env.KERNEL_CACHE
  assert.equal([found, looked], [undefined, folder])
})

snapshot.after(() => rmSync(folder, { recursive: true, force: true }))
snapshot.run()
