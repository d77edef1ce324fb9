import { fashionMnist } from '../../datasets/fashion-mnist.ts'
import { mnist } from '../../datasets/mnist.ts'
import { cnn } from '../../notebooks/models/cnn.ts'
import { isAividaError } from '../../runtime/base/index.ts'
import { adam, trainingStep } from '../../runtime/compute/graph/index.ts'
import { type DatasetManifest, openDataset } from '../../runtime/data/sources/index.ts'
import { TorchTraining } from '../peers/torch-training.ts'
import { type Check, round, type Skipped, type Suite } from '../report.ts'
import { characterTask, characterValidation, PICTURES } from '../training/task.ts'
import { fingerprint, RATE, recordedValidation, STEPS, torchValidation } from '../training/torch-validation.ts'
import { WorkerTraining } from '../training/worker-steps.ts'

/**
 * What models of ours come to after a known number of samples, trained as a worker trains: the CNN on pictures it has not
 * seen, and the character model against the same one trained by PyTorch on the same batches.
 */
export const suite: Suite = async ({ say }) => {
  const checks: Check[] = []
  const skipped: Skipped[] = []
  for (const { manifest, epochs, gate } of [
    { manifest: mnist, epochs: 3, gate: '>= 98.5' },
    { manifest: fashionMnist, epochs: 5, gate: '>= 89' },
  ]) {
    const name = `${manifest.name.replace('-', '_')}_cnn`
    try {
      const accuracy = await testAccuracy(manifest, epochs)
      say(`${manifest.title}: ${accuracy} % after ${epochs} epochs`)
      checks.push({ name, value: accuracy, unit: '%', gate })
    } catch (error) {
      if (!isAividaError(error) || error.code !== 'data.missing') throw error
      skipped.push({ name, reason: error.message })
    }
  }
  const { found, versions } = await characters(say)
  return { checks: [...checks, ...found], skipped, versions, seed: PICTURES.seed, n: 1 }
}

/** Per cent of the test pictures that the CNN names rightly. */
async function testAccuracy(manifest: DatasetManifest, epochs: number): Promise<number> {
  const { table } = await openDataset(manifest, 'train')
  const steps = epochs * Math.floor(table.length / PICTURES.batchSize)
  const init = { ...PICTURES, model: cnn, optimizer: adam() }
  const worker = await WorkerTraining.start({
    init,
    step: trainingStep(init),
    table,
    seed: PICTURES.seed,
    learningRate: {
      kind: 'cosine',
      rate: 3e-3,
      warmUpSteps: Math.round(steps / 20),
      totalSteps: steps,
      finalShare: 0.05,
    },
    samplesPerRow: 1,
    torch: { model: 'cnn', optimiser: { kind: 'Adam' } },
  })
  try {
    await worker.steps(steps)
    const test = await openDataset(manifest, 'test')
    return round(100 * (await worker.evaluate(test.table)).accuracy!)
  } finally {
    worker.stop()
  }
}

/** The character model's loss on the end of the book, and how far it is from PyTorch's: live where it is installed. */
async function characters(say: (line: string) => void): Promise<{ found: Check[]; versions: Record<string, string> }> {
  const task = await characterTask(RATE)
  const validation = await characterValidation()
  const worker = await WorkerTraining.start(task)
  let loss: number
  try {
    await worker.steps(STEPS)
    loss = (await worker.evaluate(validation)).loss!
  } finally {
    worker.stop()
  }
  say(`Moby Dick: validation loss ${round(loss)} after ${STEPS} steps`)
  const recorded = recordedValidation()
  if (recorded.training !== (await fingerprint(task)))
    throw new Error('the record of PyTorch is of another training; make it anew with bench/training/record-torch.ts')
  const off = (theirs: number) => round(Math.abs(loss / theirs - 1) * 100)
  const gate = '<= 1'
  const found: Check[] = [
    { name: 'moby_dick_lm_loss', value: round(loss), unit: 'nats' },
    { name: 'moby_dick_lm_off_record', value: off(recorded.validationLoss), unit: '%', gate },
  ]
  const torch = await TorchTraining.start()
  if ('reason' in torch) return { found, versions: { torch_recorded: recorded.torch } }
  try {
    const live = await torchValidation(torch, task, validation)
    say(`PyTorch ${torch.version}: ${live.validationLoss}`)
    found.push({ name: 'moby_dick_lm_off_torch', value: off(live.validationLoss), unit: '%', gate })
  } finally {
    await torch.stop()
  }
  return { found, versions: { torch: torch.version, torch_recorded: recorded.torch } }
}
