import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelClient } from '../../kernel/client/index.ts'
import type { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { followedCell } from '../../test/support/followed-cell.ts'
import { childrenOf, isRunning } from '../../test/support/processes.ts'
import { slowJob } from '../../test/support/slow-rows.ts'
import { type Check, medianCheck } from '../report.ts'

const ROUNDS = 10
/** Half a minute of one worker: its engine is in the middle of a shard whenever it is looked at. */
const FILES = { rows: 4_000, layers: 1_500 }
const ROWS_PER_SHARD = 1_000
const POLL_MS = 2

/**
 * From the request that interrupts a cell until the job that it submitted is over: its state says cancelled, and on both workers
 * the engine process that was in the middle of a shard is gone. The cell's reply is part of it.
 */
export async function cancel(kernel: KernelClient, cluster: LocalCluster, folder: string): Promise<Check[]> {
  const files = await slowJob(folder, FILES)
  const times: number[] = []
  for (let round = -1; round < ROUNDS; round++) {
    const ms = await cancelled(cluster, kernel, files)
    if (round >= 0) times.push(ms)
  }
  return [medianCheck({ name: 'cancel_ms', unit: 'ms', gate: '<= 1000' }, times)]
}

async function cancelled(
  { client, workers }: LocalCluster,
  kernel: KernelClient,
  files: { readonly model: string; readonly input: string },
): Promise<number> {
  const { run, job } = await followedCell(kernel, { ...files, rowsPerShard: ROWS_PER_SHARD }, 0)
  const handle = client.job(job)
  while ((await handle.status()).workers.filter(({ running }) => running > 0).length < workers.length) await sleep(20)
  while (workers.some(({ pid }) => childrenOf(pid).length === 0)) await sleep(20) // the first engines take their time
  await sleep(200) // they have begun
  const engines = workers.map(({ pid }) => childrenOf(pid))
  const over = handle.done().catch((error) => error.message)
  const before = performance.now()
  await kernel.interrupt()
  const { reply } = await run.done()
  const end = String(await over)
  while (engines.some((children) => children.every(isRunning))) await sleep(POLL_MS)
  const ms = performance.now() - before
  if (reply.status !== 'error' || !end.includes('interrupted')) throw new Error(`${JSON.stringify(reply)}, ${end}`)
  return ms
}
