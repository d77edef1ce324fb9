import { diloco, gradients } from '../../runtime/index.ts'
import { learningRateAt } from '../../runtime/protocol/index.ts'
import { TorchDdp } from '../peers/torch-ddp.ts'
import { type Check, medianCheck, type Skipped, type SuiteOptions } from '../report.ts'
import { BareProcesses } from './bare-processes.ts'
import { feedsOf, samplesPerStep, stacked } from './batches.ts'
import { type RoundsTaken, RoundsTraining } from './rounds-training.ts'
import { type TrainingTask, taskOf } from './task.ts'

const WORKERS = 2
/** Of a member between two rounds: the default for models of dense layers and convolutions. */
const LOCAL_STEPS = 32
const ROUNDS = 6
const SYNCHRONOUS_STEPS = 60
const BARE_STEPS = 150

/**
 * Samples a second of two workers that train the CNN together, against two plain processes that train it each by itself, and
 * against PyTorch's DistributedDataParallel; a round of one after a round of the other, on two cores that nobody else uses.
 */
export async function twoWorkers(
  rounds: number,
  say: SuiteOptions['say'],
): Promise<{ readonly checks: readonly Check[]; readonly skipped: readonly Skipped[] }> {
  const task = await taskOf('cnn')
  const ddp = await startDdp(task)
  const bare = await BareProcesses.start('cnn', WORKERS)
  const ours = await RoundsTraining.start(task, WORKERS)
  const rates = { bare: [] as number[], diloco: [] as number[], sync: [] as number[], ddp: [] as number[] }
  const perStep = samplesPerStep(task)
  try {
    for (let round = 0; round < rounds; round++) {
      rates.bare.push((WORKERS * BARE_STEPS * perStep) / (await bare.steps(BARE_STEPS)).seconds)
      const local = await ours.rounds(diloco({ localSteps: LOCAL_STEPS }), ROUNDS, LOCAL_STEPS)
      rates.diloco.push((local.batches * perStep) / local.seconds)
      const steps = await ours.rounds(gradients({ compression: 'f32' }), SYNCHRONOUS_STEPS, 1)
      rates.sync.push((steps.batches * perStep) / steps.seconds)
      if (!('reason' in ddp)) rates.ddp.push(await ddpRate(ddp, task))
      say(`two workers, round ${round + 1}: DiLoCo ${described(local)}; gradients ${described(steps)}`)
    }
  } finally {
    bare.stop()
    await ours.stop()
    if (!('reason' in ddp)) await ddp.stop()
  }
  for (const [name, all] of Object.entries(rates)) say(`two ${name}: ${all.map(Math.round).join(', ')} samples/s`)
  const ratio = (name: string, ours: number[], theirs: number[], bounds: Pick<Check, 'gate' | 'goal'> = {}): Check =>
    medianCheck(
      { name, unit: 'x', ...bounds },
      ours.map((rate, i) => rate / theirs[i]!),
    )
  const checks = [
    ratio('two_workers_vs_two_bare', rates.diloco, rates.bare, { gate: '>= 0.9', goal: '>= 0.95' }),
    ratio('sync_vs_two_bare', rates.sync, rates.bare),
  ]
  if ('reason' in ddp) return { checks, skipped: [{ name: 'sync_vs_ddp', reason: ddp.reason }] }
  return {
    checks: [
      ...checks,
      ratio('sync_vs_ddp', rates.sync, rates.ddp, { goal: '>= 1' }),
      ratio('diloco_vs_ddp', rates.diloco, rates.ddp),
    ],
    skipped: [],
  }
}

async function startDdp(task: TrainingTask): Promise<TorchDdp | { readonly reason: string }> {
  const ddp = await TorchDdp.start(WORKERS)
  if ('reason' in ddp) return ddp
  const feeds = await feedsOf(task, WORKERS * 30)
  const parameters = task.step.parameters.map(({ initial }) => initial())
  const batches = Array.from({ length: WORKERS }, (_, i) => stacked(feeds.slice(30 * i, 30 * (i + 1))))
  await ddp.build(task.torch.model, parameters, task.torch.optimiser, batches)
  return ddp
}

async function ddpRate(ddp: TorchDdp, task: TrainingTask): Promise<number> {
  const rate = learningRateAt(task.learningRate, 0)
  const { seconds } = await ddp.steps(Array.from({ length: BARE_STEPS }, () => rate))
  return (WORKERS * BARE_STEPS * samplesPerStep(task)) / seconds
}

function described({ seconds, rounds, engineSeconds }: RoundsTaken): string {
  return `${rounds} rounds in ${seconds.toFixed(2)} s, ${(((seconds - engineSeconds) / rounds) * 1_000).toFixed(1)} ms each outside of the engines`
}
