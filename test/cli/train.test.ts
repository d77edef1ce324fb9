// timeout: 60 s
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'

const test = suite('aivida train')

const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))
/** Which of two numbers is the larger one: what a network of a few neurons learns in a moment. */
const SCRIPT = `
import { adam, crossEntropy, dense, relu, sequential, tensorOf, training } from 'aivida'
const ROWS: number = 2_000
const x = Float32Array.from({ length: 2 * ROWS }, (_, i) => Math.sin(12.9898 * (i + 1)))
const y = Uint8Array.from({ length: ROWS }, (_, row) => (x[2 * row + 1]! > x[2 * row]! ? 1 : 0))
export default training({
  model: sequential([dense(8), relu(), dense(2)]),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 50,
  data: { x: tensorOf(x, [ROWS, 2]), labels: tensorOf(y) },
  validation: { share: 0.1 },
  epochs: 10,
  learningRate: { kind: 'cosine', rate: 0.02, warmUpSteps: 10, finalShare: 0.1 },
  seed: 3,
})
`
let folder: string
let cluster: LocalCluster

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-train-'))
  cluster = await LocalCluster.start({ workers: 0, dir: join(folder, 'cluster') })
  await writeFile(join(folder, 'train.ts'), SCRIPT)
  await writeFile(join(folder, 'other.ts'), 'export default 7\n')
  await writeFile(join(folder, 'labels.ts'), SCRIPT.replace('? 1 : 0', '? 2 : 0'))
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function train(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, 'train', '--data-dir', cluster.submitter.dataDir, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { out, err, code }
}

test('a file that exports a training is trained, and leaves a model that infers', async () => {
  const { out, err, code } = await train('train.ts', '--out', 'result', '--name', 'larger')
  assert.is(code, 0, err)
  assert.match(err, /checkpoint at step 36, .*validation loss \d/)
  assert.match(err, /checkpoint at step 360, .*validation loss/)
  assert.match(out, /model .*model\.onnx/)
  const files = await readdir(join(folder, 'result'))
  for (const file of ['best.safetensors', 'last.safetensors', 'model.onnx', 'part-00000.arrow'])
    assert.ok(files.includes(file), `${file} of ${files}`)
  const session = await new OnnxRuntimeEngine().load({ graph: await readFile(join(folder, 'result', 'model.onnx')) })
  const x = tensorOf(Float32Array.of(0.5, -0.5, -0.5, 0.5, 0.1, 0.4), [3, 2])
  const [logits] = Object.values(await session.run({ x }))
  const values = typedArrayOf(logits!) as Float32Array
  assert.equal(
    [0, 1, 2].map((row) => (values[2 * row + 1]! > values[2 * row]! ? 1 : 0)),
    [0, 1, 1],
  )
})

test('a CSV beside the file is trained on as it is', async () => {
  const rows = Array.from({ length: 400 }, (_, row) => Math.sin(12.9898 * (row + 1)))
  await writeFile(join(folder, 'signs.csv'), `labels,x\n${rows.map((x) => `${x > 0 ? 1 : 0},${x}\n`).join('')}`)
  const data = SCRIPT.replace(/data: .*/, "data: 'signs.csv',").replace('shape: [2]', 'shape: [1]')
  await writeFile(join(folder, 'signs.ts'), data)
  const { out, code, err } = await train('signs.ts', '--json')
  assert.is(code, 0, err)
  assert.equal(JSON.parse(out).rows.done, 70) // ten passes over 360 rows in batches of 50
})

test('it goes on from a checkpoint, and tells as JSON', async () => {
  const { out, code, err } = await train('train.ts', '--from', join('result', 'last.safetensors'), '--json')
  assert.is(code, 0, err)
  const status = JSON.parse(out)
  assert.equal([status.state, status.program, status.rows.done], ['done', 'train', 360])
})

test('what is no training, and what cannot be trained, is said with its code', async () => {
  const other = await train('other.ts')
  assert.is(other.code, 2)
  assert.match(other.err, /train\.no-definition: expected other\.ts to export a training/)
  const labels = await train('labels.ts')
  assert.is(labels.code, 2)
  assert.match(labels.err, /train\.label-range: row \d+ holds 2 as labels, which the graph takes from 0 to 1/)
})

test.run()
