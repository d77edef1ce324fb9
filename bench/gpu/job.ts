import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mnist } from '../../datasets/mnist.ts'
import { openDataset, readParts } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { median } from '../report.ts'
import { samplesPerStep } from '../training/batches.ts'
import { JobTraining } from '../training/job-training.ts'
import type { TrainingTask } from '../training/task.ts'
import { WorkerTraining } from '../training/worker-steps.ts'
import { distance } from './compared.ts'
import { forTarget, type Inference } from './models.ts'
import type { Processor } from './processors.ts'

const IMAGES = 10_000
const ROWS_PER_SHARD = 1_000
const RUNS = 5
/** Of each of the two shards of a training. */
const STEPS = 400
const COMPARED_STEPS = 5

/** What a job over two nodes came to. */
export interface JobResult {
  readonly rate: number
  /** By how much it differs from what the CPU of this process gives, as a share of the largest number. */
  readonly off: number
}

/** A worker that computes on a card and nothing else. */
function flagsOf({ options }: Processor) {
  return async (name: string) => (name.startsWith('worker') ? ['--devices', options.provider!] : [])
}

/** MNIST's test images through a submitter and a worker with a card, over QUIC on loopback. Images a second. */
export async function inferenceJob(model: Inference, card: Processor, cpu: Processor): Promise<JobResult> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  const { tensors } = await openDataset(mnist, 'test')
  const images = tensors.images!
  const engine = cpu.start()
  try {
    const session = await engine.load({ graph: model.graph('cpu') }, cpu.options)
    const [output] = session.outputs
    const expected = typedArrayOf((await session.run({ [session.inputs[0]!.name]: images }))[output!.name]!)
    const [graph, input] = [join(folder, 'model.onnx'), join(folder, 'images.arrow')]
    await writeFile(graph, model.graph(card.target))
    await writeFile(input, arrowFile([toRowBatch({ [session.inputs[0]!.name]: images })]))
    await using cluster = await LocalCluster.start({ workers: 1, flagsOf: flagsOf(card) })
    const rates: number[] = []
    let off = 0
    for (let run = 0; run < RUNS; run++) {
      const outputDir = join(folder, `result-${run}`)
      const start = performance.now()
      const rowsPerShard = ROWS_PER_SHARD + run // a worker does not do the same work twice
      const requirements = { provider: card.options.provider! }
      const job = await cluster.client.infer({ model: graph, input, outputDir, rowsPerShard, requirements })
      await job.done()
      rates.push(IMAGES / ((performance.now() - start) / 1_000))
      const parts = await readParts(outputDir)
      off = Math.max(off, distance(typedArrayOf(parts[output!.name]!) as Float32Array, expected as Float32Array))
    }
    return { rate: median(rates.sort((a, b) => a - b)), off }
  } finally {
    await engine.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same for a training: two shards, of which the second is timed. Samples a second. */
export async function trainingJob(task: TrainingTask, card: Processor, cpu: Processor): Promise<JobResult> {
  const reference = await WorkerTraining.start(task, cpu)
  const job = await JobTraining.start(forTarget(task, card.target), {
    flagsOf: flagsOf(card),
    requirements: { provider: card.options.provider! },
  })
  try {
    const { losses } = await reference.steps(COMPARED_STEPS)
    const trained = await job.steps(STEPS)
    return {
      rate: (STEPS * samplesPerStep(task)) / trained.seconds,
      off: distance(trained.losses.slice(0, COMPARED_STEPS), losses),
    }
  } finally {
    reference.stop()
    await job.stop()
  }
}
