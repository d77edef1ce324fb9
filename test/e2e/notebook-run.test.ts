// timeout: 120 s
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { scratch } from '../cli/command-line.ts'
import { aivida } from '../support/command.ts'
import { launchedKernel } from '../support/kernels.ts'

const run = suite('aivida notebook run')
run.before(async () => void (await launchedKernel()))

interface Cell {
  readonly source: readonly string[]
  readonly outputs: readonly Readonly<Record<string, unknown>>[]
  readonly execution_count: number | null
}

function write(folder: string, ...cells: readonly (string | { source: string; tags: readonly string[] })[]): string {
  const whole = cells.map((cell) => ({
    cell_type: 'code',
    source: typeof cell === 'string' ? cell : cell.source,
    metadata: typeof cell === 'string' ? {} : { tags: cell.tags },
  }))
  const path = join(folder, 'a.ipynb')
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: whole }))
  return path
}

const cellsOf = (path: string): Cell[] => JSON.parse(readFileSync(path, 'utf8')).cells
const textOf = ({ outputs }: Cell) => outputs.flatMap(({ text }) => (text ?? []) as string[]).join('')

run('cells are run in the folder of the notebook, with its parameters, and a failing one ends it', async () => {
  using at = scratch()
  const path = write(
    at.folder,
    { source: "let rate = 0.1\nlet name = 'x'", tags: ['parameters'] },
    'console.log(rate * 2, name, process.cwd())\nrate',
    { source: "throw new RangeError('expected')", tags: ['raises-exception'] },
    "console.error('before')\nconst rows = [1]\nrows.at(0)!.toFixed(1000)",
    'console.log("never")',
  )
  const before = readFileSync(path, 'utf8')
  const argv = ['notebook', 'run', 'a.ipynb', '--param', 'rate=4', '--param', 'name=y', '--out', 'b.ipynb']
  const { code, out, err } = await aivida(argv, { cwd: at.folder })
  assert.is(code, 2, err)
  assert.is(out, '')
  assert.is(readFileSync(path, 'utf8'), before, 'what was read is as it was')
  assert.match(
    err,
    /1\/6 .* let rate = 0.1\n[\s\S]*4\/6 .* failed, as it may: throw new[\s\S]*5\/6 .*failed console.error/,
  )
  assert.match(err, /\nerror notebook.cell-failed: cell 5 failed:\nRangeError: [\s\S]*line 3/)
  const cells = cellsOf(join(at.folder, 'b.ipynb'))
  assert.equal(cells[1]!.source, ['// Parameters\n', 'let rate = 4\n', 'let name = "y"'])
  assert.match(textOf(cells[2]!), `8 y ${at.folder}\n`)
  assert.equal(
    cells.map((cell) => cell.execution_count),
    [1, 2, 3, 4, 5, null],
  )
  assert.is(cells[3]!.outputs[0]!.ename, 'RangeError')
  assert.equal(
    cells[4]!.outputs.map((output) => output.output_type),
    ['stream', 'error'],
  )
  assert.equal(cells[5]!.outputs, [])
})

run('Ctrl-C interrupts the cell, whose last words are kept', async () => {
  using at = scratch()
  const waiting = "console.log('begun')\nawait new Promise((ok) => setTimeout(ok, 60_000))"
  const path = write(at.folder, '1', waiting, "console.log('never')")
  const first = Promise.withResolvers<() => void>()
  const ended = aivida(['notebook', 'run', 'a.ipynb'], {
    cwd: at.folder,
    said: (_words, interrupt) => first.resolve(interrupt),
  })
  const press = await first.promise
  // That the cell has begun stands in the file: it is what a crash would leave, too.
  const hasBegun = () => (cellsOf(path)[1]!.outputs ?? []).length > 0
  while (!hasBegun()) await new Promise((resolve) => setTimeout(resolve, 20))
  press()
  const { code, err } = await ended
  assert.is(code, 130, err)
  assert.match(err, 'error aborted: the run was interrupted at cell 2')
  const [, second, third] = cellsOf(path)
  assert.match(textOf(second!), 'begun\n')
  assert.is(second!.outputs.at(-1)!.output_type, 'error')
  assert.equal(third!.outputs, [])
})

run('of a job that goes with its cell the file shows the end', async () => {
  using at = scratch()
  const training = `import { dense, meanSquaredError, sequential, sgd, tensorOf } from 'aivida'
const x = tensorOf(new Float32Array(64 * 256), [64, 256])
const job = cluster.train({
  model: sequential([dense(512), dense(256)]), data: { x, labels: x }, loss: meanSquaredError(), optimizer: sgd(),
  learningRate: 1e-3, batchSize: 64, steps: 1_000_000,
})
await job`
  const path = write(at.folder, training)
  const nodes = await LocalCluster.start({ workers: 1, dir: join(at.folder, 'nodes') })
  try {
    const env = { AIVIDA_DATA_DIR: nodes.submitter.dataDir }
    const { code, err } = await aivida(['notebook', 'run', path, '--timeout', '4s', '--param', 'rate=1'], { env })
    assert.is(code, 6, err)
    assert.match(err, 'no cell is tagged "parameters": a cell that sets them is added at the top')
    const [view] = cellsOf(path)[1]!.outputs as unknown as { data: { 'text/plain': string[] } }[]
    const text = view!.data['text/plain'].join('')
    assert.match(text, 'cancelled')
    assert.not.match(text, /running|no more can be heard/)
  } finally {
    await nodes.stop()
  }
})

run('a cell that takes too long, one that kills the kernel, and one that puts out a hundred megabytes', async () => {
  using at = scratch()
  const path = write(at.folder, 'await new Promise((ok) => setTimeout(ok, 60_000))')
  const late = await aivida(['notebook', 'run', path, '--timeout', '1s'])
  assert.is(late.code, 6, late.err)
  assert.match(late.err, 'error timeout: cell 1 took longer than 1000 ms')

  write(at.folder, "console.log('still here')", "process.kill(process.pid, 'SIGKILL')\nawait new Promise(() => {})")
  const dead = await aivida(['notebook', 'run', path])
  assert.is(dead.code, 4, dead.err)
  assert.match(dead.err, /error kernel.died: the kernel died: it was ended by SIGKILL/)
  const [first, second] = cellsOf(path)
  assert.match(textOf(first!), 'still here\n')
  assert.is(second!.outputs.at(-1)!.ename, 'KernelError')

  write(
    at.folder,
    "const line = 'x'.repeat(1_000_000)\nfor (let i = 0; i < 100; i++) console.log(line)",
    "'and goes on'",
  )
  const large = await aivida(['notebook', 'run', path, '--json'])
  assert.is(large.code, 0, large.err)
  assert.equal({ ...JSON.parse(large.out), tookMs: 0 }, { notebook: path, cells: 2, tookMs: 0 })
  assert.ok(readFileSync(path).byteLength < 25_000_000)
  assert.match(textOf(cellsOf(path)[0]!).slice(-300), 'left out')
})

run.run()
