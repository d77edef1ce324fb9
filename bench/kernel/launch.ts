import { KernelClient } from '../../kernel/client/index.ts'
import { type Check, medianCheck, type SuiteOptions } from '../report.ts'
import { AIVIDA, type ComparedKernel, TSLAB } from './kernels.ts'
import { bytesResident } from './resident.ts'

const WARM_UP = 1
const ROUNDS = { quick: 7, full: 21 }

/**
 * From the start of the process to the output of a typed `1+1`, a kernel after the other in each round, and the memory of ours
 * then and after some cells. The first round fills the system's caches and does not count.
 */
export async function launchChecks(others: readonly ComparedKernel[], { full, say }: SuiteOptions): Promise<Check[]> {
  const kernels = [AIVIDA, TSLAB, ...others]
  const times = new Map(kernels.map(({ name }) => [name, [] as number[]]))
  const memory: number[] = []
  for (let round = -WARM_UP; round < (full ? ROUNDS.full : ROUNDS.quick); round++) {
    for (const kernel of kernels) {
      const ms = await launch(kernel, (bytes) => kernel === AIVIDA && round >= 0 && memory.push(bytes / 1e6))
      if (round >= 0) times.get(kernel.name)!.push(ms)
    }
    say(
      `launch ${round + 1}: ${kernels.map(({ name }) => `${name} ${times.get(name)!.at(-1)?.toFixed(0) ?? '-'} ms`).join(', ')}`,
    )
  }
  const ours = times.get('aivida')!
  const ratios = ours.map((ms, round) => ms / times.get('tslab')![round]!)
  return [
    medianCheck({ name: 'launch_vs_tslab', unit: 'x', gate: '<= 0.6', goal: '<= 0.4' }, ratios),
    ...kernels.map(({ name }) => medianCheck({ name: `launch_${name}`, unit: 'ms' }, times.get(name)!)),
    medianCheck({ name: 'kernel_mb', unit: 'MB', goal: '<= 200' }, memory),
  ]
}

async function launch({ argv, name }: ComparedKernel, measured: (residentBytes: number) => void): Promise<number> {
  const before = performance.now()
  const client = await KernelClient.start({ argv })
  try {
    const run = client.execute('1+1')
    for await (const output of run) {
      const ms = performance.now() - before
      const text =
        output.type === 'stream'
          ? output.text
          : output.type === 'execute_result'
            ? String(output.data['text/plain'])
            : ''
      // biome-ignore lint/suspicious/noControlCharactersInRegex: Deno's are coloured
      if (text.replace(/\x1b\[\d+m/g, '').trim() !== '2')
        throw new Error(`${name} says ${JSON.stringify(output)} to 1+1`)
      await run.done()
      for (let n = 0; n < 10; n++) await client.execute(`${n} + 1`).done()
      measured(bytesResident(client.pid))
      return ms
    }
    throw new Error(`${name} puts nothing out for 1+1: ${client.words}`)
  } finally {
    await client.shutdown()
  }
}
