import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KernelClient } from '../../kernel/client/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { Check, SuiteOptions } from '../report.ts'
import { cancel } from './cancel.ts'
import { firstResult } from './first-result.ts'
import { AIVIDA } from './kernels.ts'
import { put } from './put.ts'

/** What a researcher waits for: our kernel beside a node with two workers, all of them processes of their own. */
export async function swarmChecks({ say }: SuiteOptions): Promise<Check[]> {
  say('starting a node and two workers ...')
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-kernel-'))
  const cluster = await LocalCluster.start({ workers: 2, flags: ['--disk-budget-bytes', '4GiB'] })
  const { argv } = AIVIDA
  const kernel = await KernelClient.start({ argv, env: { AIVIDA_DATA_DIR: cluster.submitter.dataDir } })
  try {
    return [
      ...(await firstResult(kernel, folder)),
      ...(await cancel(kernel, cluster, folder)),
      ...(await put(kernel, cluster)),
    ]
  } finally {
    await kernel.shutdown()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
