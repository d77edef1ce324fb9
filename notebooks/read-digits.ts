/**
 * `npm start`: three real nodes on this machine - one that submits, two that compute. A small convolutional network is
 * trained on MNIST by both workers together, and then reads the 10,000 test images, which it has not seen, on both.
 */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mnist } from '../datasets/mnist.ts'
import { formatBytes, formatDuration } from '../runtime/cli/figures.ts'
import { openDataset, readParts } from '../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../runtime/data/tensor/arrow.ts'
import { type Tensor, typedArrayOf } from '../runtime/data/tensor/index.ts'
import { adam, crossEntropy, diloco, training } from '../runtime/index.ts'
import { LocalCluster } from '../runtime/local-cluster/index.ts'
import { liveRows } from './live-rows.ts'
import { cnn } from './models/cnn.ts'

const BATCH = 128
/** Batches in all, by whichever worker. */
const STEPS = Number(process.argv[3] ?? 640)
/** Batches that a worker learns from by itself before both put together what they learned. */
const LOCAL_STEPS = 16
const MEASURE_EVERY = Math.ceil(STEPS / 4)
/** Of the test images: less is a failure. */
const LEAST_RIGHT = STEPS < 640 ? 0.9 : 0.97
const CLASSES = 10
const startMs = performance.now()

const folder = await mkdtemp(join(tmpdir(), 'aivida-start-'))
console.log('Starting three nodes: a submitter and two workers, talking QUIC on loopback ...')
const [cluster, digits, unseen] = await Promise.all([
  LocalCluster.start({ workers: 2 }),
  openDataset(mnist, 'train'),
  openDataset(mnist, 'test'),
])
try {
  const network = training({
    model: cnn,
    loss: crossEntropy(),
    optimizer: adam(),
    inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
    batchSize: BATCH,
    data: digits.table,
    validation: { share: 1 / 60 },
    steps: STEPS,
    workers: 2,
    sync: diloco({ localSteps: LOCAL_STEPS }),
    evaluateEvery: MEASURE_EVERY,
    learningRate: { kind: 'cosine', rate: 2e-3, warmUpSteps: 30, finalShare: 0.05 },
    seed: 1,
    name: 'learn digits',
    outputDir: join(folder, 'training'),
  })
  const job = await cluster.client.train(network)
  console.log(
    `Training a network of two convolutions on ${digits.table.length - 1_000} digits, ${STEPS} batches of ${BATCH}, on both workers at once.
Each learns from ${LOCAL_STEPS} batches by itself, then both put together what they learned (DiLoCo), at two bits a weight:`,
  )
  for await (const event of job.events()) {
    if (event.type !== 'checkpoint' || !event.validation) continue
    const right = percent(event.validation.accuracy!)
    console.log(
      `  batch ${event.step} after ${formatDuration(performance.now() - startMs)}, ${right} of 1,000 it has not seen are right`,
    )
  }
  await job.done()
  const rounds = await job.rounds()
  const [first, last] = [rounds[0]!, rounds.at(-1)!]
  const learned = new Map<string, number>()
  for (const { name, batches } of rounds.flatMap(({ members }) => members))
    learned.set(name, (learned.get(name) ?? 0) + batches)
  const up = mean(rounds.map(({ bytes }) => bytes.up))
  const down = mean(rounds.map(({ bytes }) => bytes.down))
  const parameters = job.step.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const gradients = (2 * 4 * parameters * STEPS) / 2
  console.log(
    `Rounds                ${rounds.length}; ${[...learned].map(([name, batches]) => `${name} ${batches} batches`).join(', ')}`,
  )
  console.log(
    `Loss                  ${first.metrics.loss!.toFixed(3)} in the first round, ${last.metrics.loss!.toFixed(3)} in the last`,
  )
  console.log(
    `Exchanged             ${formatBytes(up)} to the other, ${formatBytes(down)} back each round, ${Math.round(gradients / ((up + down) * rounds.length))} times less than all gradients would be`,
  )

  const model = join(folder, 'digits.onnx')
  const input = join(folder, 'unseen.arrow')
  const outputDir = join(folder, 'result')
  await writeFile(model, await job.model())
  await writeFile(input, arrowFile([toRowBatch({ images: unseen.tensors.images! })]))
  console.log(`\nReading the ${unseen.table.length} test images with it, on both workers:`)
  const reading = await cluster.client.infer({ name: 'read digits', model, input, outputDir, rowsPerShard: 100 })
  const show = liveRows('images', unseen.table.length)
  const status = await reading.done({ onStatus: show })
  show(status, true)

  const labels = typedArrayOf(unseen.tensors.labels!) as Uint8Array
  const read = chosen(Object.values(await readParts(outputDir)).find(({ shape }) => shape[1] === CLASSES)!)
  const right = read.filter((digit, i) => digit === labels[i]).length / labels.length
  console.log(`\nAccuracy              ${percent(right)} of the test images`)
  for (const { name, rows, shards, computeMs } of status.workers)
    console.log(`${name.padEnd(21)} ${rows} images in ${shards} shards, ${formatDuration(computeMs)} of computing`)
  console.log(
    `Moved                 ${formatBytes(status.bytes.sent)} to the workers, ${formatBytes(status.bytes.received)} back`,
  )
  console.log(`Result                ${folder} (digits.onnx, training/best.safetensors, metrics as Arrow)`)
  console.log(`Took                  ${formatDuration(performance.now() - startMs)} from the first line of output`)
  console.log(`\nNext, in this folder:
  npx aivida up                     start a node of your own, in the background
  npx aivida infer --model ${model} --input ${input}
  npx aivida train FILE.ts          train a network of your own: README.md shows a file
  npm start -- ocr                  read pictures of lines from Moby Dick`)
  process.exitCode = right >= LEAST_RIGHT && read.length === labels.length ? 0 : 1
} finally {
  await cluster.stop()
}

/** The class with the largest logit, for each row of `[rows, classes] f32`. */
function chosen(logits: Tensor): number[] {
  const values = typedArrayOf(logits) as Float32Array
  return Array.from({ length: logits.shape[0]! }, (_, row) => {
    const scores = values.subarray(row * CLASSES, (row + 1) * CLASSES)
    return scores.indexOf(Math.max(...scores))
  })
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
