import { learningRateAt } from '../../runtime/protocol/index.ts'
import { TfjsMlp } from '../peers/tfjs-mlp.ts'
import { TorchTraining } from '../peers/torch-training.ts'
import { type Check, medianCheck, type Skipped, type Suite } from '../report.ts'
import { BareTraining } from '../training/bare-step.ts'
import { feedsOf, samplesPerStep, stacked } from '../training/batches.ts'
import { JobTraining } from '../training/job-training.ts'
import { type TrainingTask, taskOf } from '../training/task.ts'
import { twoWorkers } from '../training/two-workers.ts'
import { WorkerTraining } from '../training/worker-steps.ts'

const ROUNDS = 5
/** Batches that lie ready for those who gather none. */
const BATCHES = 60
/** Steps over which losses must agree before anything is timed, and how far apart they may be, as a share. */
const AGREED_STEPS = 20
const AGREED = 1e-3

/** Takes steps, and says how long they took and what their losses were. */
interface Contender {
  readonly steps: (count: number) => Promise<{ readonly seconds: number; readonly losses: readonly number[] }>
}

/** What is measured of a task, and against which bounds. */
interface Measured {
  readonly task: TrainingTask
  /** Of one round. */
  readonly steps: number
  readonly bounds: Readonly<Record<string, Pick<Check, 'gate' | 'goal'>>>
}

/**
 * Samples a second of one worker - engine child, data, metrics and commitments included - against the same step in
 * PyTorch and in TF.js, one thread each, their rounds between ours: from the same weights, on the same batches, and only
 * when the losses agree. Then of two workers together.
 */
export const suite: Suite = async ({ full, say }) => {
  const rounds = full ? 9 : ROUNDS
  const torch = await TorchTraining.start()
  const checks: Check[] = []
  const skipped: Skipped[] = []
  try {
    for (const measured of await tasks()) {
      const { model } = measured.task.torch
      if ('reason' in torch) skipped.push({ name: `${model}_vs_torch`, reason: torch.reason })
      const rates = await ratesOf(measured, 'reason' in torch ? undefined : torch, rounds, say)
      checks.push(...checksOf(model, measured, rates))
      if (model === 'cnn') checks.push(ratio('job_vs_bare_step', await jobRates(measured, rounds, say), 'job'))
    }
  } finally {
    if (!('reason' in torch)) await torch.stop()
  }
  const together = await twoWorkers(rounds, say)
  checks.push(...together.checks)
  skipped.push(...together.skipped)
  const versions = { tfjs: TfjsMlp.version, ...(!('reason' in torch) && { torch: torch.version }) }
  return { checks, skipped, versions, seed: 1, n: rounds }
}

async function tasks(): Promise<Measured[]> {
  return [
    {
      task: await taskOf('mlp'),
      steps: 1_000,
      bounds: {
        mlp_vs_tfjs_wasm: { gate: '>= 15', goal: '>= 25' },
        mlp_vs_torch: { gate: '>= 0.85', goal: '>= 1.1' },
      },
    },
    {
      task: await taskOf('cnn'),
      steps: 150,
      bounds: {
        cnn_vs_torch: { gate: '>= 0.6', goal: '>= 1' },
        worker_vs_bare_step: { gate: '>= 0.93', goal: '>= 0.97' },
      },
    },
    { task: await taskOf('lm'), steps: 20, bounds: { lm_vs_torch: { goal: '>= 1' } } },
  ]
}

/** Samples a second of each contender, a figure a round. */
async function ratesOf(
  { task, steps }: Measured,
  torch: TorchTraining | undefined,
  rounds: number,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, number[]>> {
  const { model, optimiser } = task.torch
  const parameters = task.step.parameters.map(({ initial }) => initial())
  const learningRate = learningRateAt(task.learningRate, 0)
  const feeds = await feedsOf(task, BATCHES)
  const worker = await WorkerTraining.start(task)
  const bare = await BareTraining.start(task.step, feeds)
  const contenders = new Map<string, Contender>([
    ['worker', worker],
    ['bare_step', bare],
  ])
  try {
    if (torch) {
      await torch.build(model, parameters, optimiser)
      await torch.batches(stacked(feeds))
      contenders.set('torch', { steps: (count) => torch.steps(Array.from({ length: count }, () => learningRate)) })
    }
    if (model === 'mlp') {
      const batches = feeds.map(({ tensors }) => tensors)
      contenders.set('tfjs_wasm', await TfjsMlp.start({ parameters, batches, learningRate }))
    }
    return await interleaved(contenders, { task, steps }, rounds, say)
  } finally {
    worker.stop()
    await bare.stop()
  }
}

/** A whole job against the step alone, by themselves: idle nodes beside them would slow the others' rounds. */
async function jobRates(
  { task, steps }: Pick<Measured, 'task' | 'steps'>,
  rounds: number,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, number[]>> {
  const bare = await BareTraining.start(task.step, await feedsOf(task, BATCHES))
  const job = await JobTraining.start(task)
  try {
    return await interleaved(
      new Map<string, Contender>([
        ['job', job],
        ['bare_step', bare],
      ]),
      { task, steps },
      rounds,
      say,
    )
  } finally {
    await job.stop()
    await bare.stop()
  }
}

/** Samples a second of each, a figure a round, once their losses agree. */
async function interleaved(
  contenders: ReadonlyMap<string, Contender>,
  { task, steps }: Pick<Measured, 'task' | 'steps'>,
  rounds: number,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, number[]>> {
  const { model } = task.torch
  await agree(contenders)
  say(`${model}: ${[...contenders.keys()].join(', ')} have the same ${AGREED_STEPS} losses; timing`)
  const rates = new Map([...contenders.keys()].map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++)
    for (const [name, contender] of contenders) {
      const count = name === 'tfjs_wasm' ? Math.ceil(steps / 20) : steps
      const { seconds } = await contender.steps(count)
      rates.get(name)!.push((count * samplesPerStep(task)) / seconds)
    }
  for (const [name, all] of rates) say(`${model} ${name}: ${all.map(Math.round).join(', ')} samples/s`)
  return rates
}

/** Throws unless all have the same losses, step by step: what is not the same training is not compared. */
async function agree(contenders: ReadonlyMap<string, Contender>): Promise<void> {
  let expected: readonly number[] | undefined
  for (const [name, contender] of contenders) {
    const { losses } = await contender.steps(AGREED_STEPS)
    expected ??= losses
    const wrong = losses.findIndex((loss, i) => !(Math.abs(loss - expected![i]!) <= AGREED * expected![i]!))
    if (wrong >= 0) throw new Error(`${name}: loss ${wrong + 1} is ${losses[wrong]}, the worker's ${expected[wrong]}`)
  }
}

function checksOf(model: string, { bounds }: Measured, rates: ReadonlyMap<string, number[]>): Check[] {
  const others = ['torch', 'tfjs_wasm'].filter((name) => rates.has(name))
  const bareStep = model === 'cnn' ? 'worker_vs_bare_step' : `${model}_worker_vs_bare_step`
  return [
    medianCheck({ name: `${model}_samples_per_s`, unit: 'samples/s' }, rates.get('worker')!),
    ...others.map((name) => ratio(`${model}_vs_${name}`, rates, 'worker', name, bounds)),
    ratio(bareStep, rates, 'worker', 'bare_step', bounds),
  ]
}

/** How many times as fast `ours` is, round by round. */
function ratio(
  name: string,
  rates: ReadonlyMap<string, number[]>,
  ours: string,
  theirs = 'bare_step',
  bounds: Measured['bounds'] = {},
): Check {
  const rounds = rates.get(ours)!.map((rate, i) => rate / rates.get(theirs)![i]!)
  return medianCheck({ name, unit: 'x', ...bounds[name] }, rounds)
}
