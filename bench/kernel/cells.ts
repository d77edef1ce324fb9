import { KernelClient } from '../../kernel/client/index.ts'
import { type Check, median, medianCheck, type SuiteOptions } from '../report.ts'
import { AIVIDA, type ComparedKernel, TSLAB } from './kernels.ts'

/** What is typed in a notebook most: each n is other code, as nobody runs the same cell all the time. */
const CELLS: readonly ((n: number) => string)[] = [
  (n) => `${n} + 1`,
  (n) => `${'ab'[n % 2]}${n % 5} = ${n}`,
  (n) => `(${n} + 2) * 3`,
]
/** tslab's cells are TypeScript, in which a name is declared. */
const TYPED: readonly ((n: number) => string)[] = CELLS.map((cell, at) => (at === 1 ? (n) => `let ${cell(n)}` : cell))
const BLOCK = 15
const ROUNDS = { quick: 10, full: 40 }

/**
 * From a cell's request until all of it is here, in kernels that have been running for a while: blocks of cells by turns. The
 * ratio is that of each round's medians.
 */
export async function cellChecks(others: readonly ComparedKernel[], { full, say }: SuiteOptions): Promise<Check[]> {
  const kernels = [AIVIDA, TSLAB, ...others]
  const clients = await Promise.all(kernels.map(({ argv }) => KernelClient.start({ argv })))
  try {
    const medians = new Map(kernels.map(({ name }) => [name, [] as number[]]))
    for (let round = -2; round < (full ? ROUNDS.full : ROUNDS.quick); round++) {
      for (const [at, { name }] of kernels.entries()) {
        const ms = await block(clients[at]!, name === 'ipykernel' ? CELLS : TYPED, round)
        if (round >= 0) medians.get(name)!.push(ms)
      }
    }
    const ours = medians.get('aivida')!
    say(
      `cells: ${kernels.map(({ name }) => `${name} ${median([...medians.get(name)!].sort((a, b) => a - b)).toFixed(1)} ms`).join(', ')}`,
    )
    return [
      medianCheck(
        { name: 'cell_vs_tslab', unit: 'x', gate: '<= 1.3', goal: '<= 1' },
        ours.map((ms, n) => ms / medians.get('tslab')![n]!),
      ),
      ...kernels.map(({ name }) => medianCheck({ name: `cell_${name}`, unit: 'ms' }, medians.get(name)!)),
    ]
  } finally {
    await Promise.all(clients.map((client) => client.shutdown()))
  }
}

async function block(client: KernelClient, cells: typeof CELLS, round: number): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < BLOCK; n++) {
    const code = cells[n % cells.length]!((round + 2) * BLOCK + n)
    const before = performance.now()
    const { reply } = await client.execute(code).done()
    times.push(performance.now() - before)
    if (reply.status !== 'ok') throw new Error(`${code}: ${JSON.stringify(reply)}`)
  }
  return median(times.sort((a, b) => a - b))
}
