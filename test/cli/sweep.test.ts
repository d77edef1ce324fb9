// timeout: 90 s
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { tableFromIPC } from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SweepProgressLines } from '../../runtime/cli/sweep-progress.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'

const test = suite('aivida sweep')

const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))
/** Which of two numbers is the larger one, at rates of which one is good. */
const SCRIPT = `
import { adam, choice, crossEntropy, dense, relu, sequential, sweep, tensorOf, training } from 'aivida'
const ROWS: number = 1_000
const x = Float32Array.from({ length: 2 * ROWS }, (_, i) => Math.sin(12.9898 * (i + 1)))
const y = Uint8Array.from({ length: ROWS }, (_, row) => (x[2 * row + 1]! > x[2 * row]! ? 1 : 0))
export default sweep({
  space: { learningRate: choice([1e-6, 0.02]), width: choice([4, 8]) },
  metric: 'accuracy',
  goal: 'max',
  train: ({ learningRate, width }) =>
    training({
      model: sequential([dense(width), relu(), dense(2)]),
      loss: crossEntropy(),
      optimizer: adam(),
      inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
      batchSize: 50,
      data: { x: tensorOf(x, [ROWS, 2]), labels: tensorOf(y) },
      validation: { share: 0.1 },
      steps: 90,
      evaluateEvery: 90,
      learningRate,
    }),
})
`
let folder: string
let cluster: LocalCluster

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-sweep-'))
  cluster = await LocalCluster.start({ workers: 0, dir: join(folder, 'cluster') })
  await writeFile(join(folder, 'sweep.ts'), SCRIPT)
  await writeFile(join(folder, 'other.ts'), 'export default 7\n')
  await writeFile(join(folder, 'metric.ts'), SCRIPT.replace("'accuracy'", "'acuracy'"))
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function aivida(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args, '--data-dir', cluster.submitter.dataDir], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { out, err, code }
}

test('a file that exports a sweep is tried, and leaves a table of its trials and the best model', async () => {
  const { out, err, code } = await aivida('sweep', 'sweep.ts', '--out', 'result', '--name', 'rates')
  assert.is(code, 0, err)
  assert.match(err, /best so far: learningRate .*: accuracy 0\.\d+ at step/)
  assert.match(out, /RANK +PARAMETERS .*ACCURACY\n1 +learningRate 0\.02, width/)
  assert.match(out, /trials +4 trials: 4 done\n/)
  const files = await readdir(join(folder, 'result'))
  for (const file of ['trials.arrow', 'best.safetensors', 'model.onnx', 'part-00000.arrow'])
    assert.ok(files.includes(file), `${file} of ${files}`)
  const table = tableFromIPC(await readFile(join(folder, 'result', 'trials.arrow')))
  assert.equal([...table.getChild('learningRate')!], [1e-6, 1e-6, 0.02, 0.02])
  assert.match((await aivida('jobs')).out, /rates/)
})

test('what is no sweep, and a metric that nothing measures, are said with their codes', async () => {
  const other = await aivida('sweep', 'other.ts')
  assert.is(other.code, 2)
  assert.match(other.err, /sweep\.no-definition: expected other\.ts to export a sweep/)
  const metric = await aivida('sweep', 'metric.ts')
  assert.is(metric.code, 2)
  assert.match(metric.err, /train\.metric: the evaluation gives loss, accuracy, and no f32 acuracy/)
})

test('progress says where the trials are, and each best one once', () => {
  const written: string[] = []
  let nowMs = 0
  const target = { isTerminal: false, columns: 80, write: (line: string) => written.push(line), monoMs: () => nowMs }
  const lines = new SweepProgressLines(target, { trials: [{ rate: 0.1 }, { rate: 0.2 }], metric: 'loss' })
  const counts = { waiting: 1, running: 1, paused: 0, done: 0, failed: 0 }
  const view = { type: 'sweep' as const, ...counts, rungs: [1, 0] }
  lines.update(view)
  for (const value of [0.5, 0.5, 0.25]) lines.update({ ...view, best: { trial: 1, value, step: 1_000 } })
  nowMs = 20_000
  lines.update({ ...view, waiting: 0, failed: 1 })
  assert.equal(written, [
    '2 trials: 1 running, 1 waiting; rungs 1, 0, 0 ms\n',
    'best so far: rate 0.2: loss 0.5000 at step 1,000\n',
    'best so far: rate 0.2: loss 0.2500 at step 1,000\n',
    '2 trials: 1 running, 1 failed; rungs 1, 0, 20.0 s\n',
  ])
})

test.run()
