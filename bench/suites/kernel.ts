import { buildSnapshot } from '../../kernel/snapshot/snapshot.ts'
import { cellChecks } from '../kernel/cells.ts'
import { AIVIDA, otherKernels, TSLAB } from '../kernel/kernels.ts'
import { launchChecks } from '../kernel/launch.ts'
import { swarmChecks } from '../kernel/over-swarm.ts'
import type { Check, Suite, SuiteOptions } from '../report.ts'

/** The kernel beside stock tslab, and others where they are installed: its start, its cells, its memory; and ours before a swarm. */
export const suite: Suite = async (options: SuiteOptions) => {
  options.say('building the start-up snapshot, as `aivida kernel install` does ...')
  await buildSnapshot()
  const { kernels, skipped } = await otherKernels()
  const checks: Check[] = [
    ...(await launchChecks(kernels, options)),
    ...(await cellChecks(kernels, options)),
    ...(await swarmChecks(options)),
  ]
  const versions = Object.fromEntries([AIVIDA, TSLAB, ...kernels].map(({ name, version }) => [name, version]))
  return { checks, skipped, versions, seed: 0, n: options.full ? 21 : 7 }
}
