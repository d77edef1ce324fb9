import { type Compared, referenceOf } from '../gpu/compared.ts'
import { inferred } from '../gpu/inference.ts'
import { inferenceJob, type JobResult, trainingJob } from '../gpu/job.ts'
import { inferences, trainings } from '../gpu/models.ts'
import { processors } from '../gpu/processors.ts'
import { ROUNDS } from '../gpu/rounds.ts'
import { stepped } from '../gpu/steps.ts'
import { type Check, medianCheck, round, type Skipped, type Suite } from '../report.ts'

/** What a card may differ by from the CPU: float32 sums in another order, through as many layers as these models have. */
const OFF = '<= 0.001'

/**
 * What graphics cards do: the models of the notebooks and two large ones, run and trained in engine children on one thread and
 * all threads of the CPU, on CUDA and on WebGPU, results compared before anything is timed; then jobs of a submitter and a
 * worker that has the card alone. Where no card is, that is what it says.
 */
export const suite: Suite = async ({ say }) => {
  const { found, skipped: missing } = await processors()
  const skipped: Skipped[] = [...missing]
  const cards = found.filter(({ card }) => card)
  for (const { name, card } of cards) say(`${name}: ${card!.model}, ${card!.determinismClass}, exact: ${card!.exact}`)
  const checks: Check[] = []
  if (cards.length > 0) {
    const inference = inferences()
    const training = await trainings()
    /** One that fails is told of, and the others are measured. */
    const attempted = async (name: string, measure: () => Promise<readonly Check[]>) => {
      const start = performance.now()
      try {
        const found = await measure()
        checks.push(...found)
        const figures = found.map(({ name, value }) => `${name} ${value}`).join(', ')
        say(`${figures} (${((performance.now() - start) / 1_000).toFixed(0)} s)`)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        say(`${name}: ${reason}`)
        skipped.push({ name, reason })
      }
    }
    for (const model of inference) {
      const name = `${model.name}_infer`
      await attempted(name, async () => checksOf(name, model.unit, await inferred(model, found)))
    }
    for (const [model, task] of training) {
      const unit = task.samplesPerRow > 1 ? 'characters/s' : 'images/s'
      await attempted(`${model}_train`, async () => checksOf(`${model}_train`, unit, await stepped(task, found)))
    }
    const cpu = referenceOf(found)
    const cnn = inference.find(({ name }) => name === 'cnn')!
    const task = training.find(([name]) => name === 'cnn')![1]
    for (const card of cards) {
      const [inferring, learning] = [`job_cnn_infer_${card.name}`, `job_cnn_train_${card.name}`]
      await attempted(inferring, async () => jobChecks(inferring, await inferenceJob(cnn, card, cpu)))
      await attempted(learning, async () => jobChecks(learning, await trainingJob(task, card, cpu)))
    }
  }
  const versions = Object.fromEntries(cards.map(({ name, card }) => [name, card!.determinismClass]))
  return { checks, skipped, versions, seed: 1, n: ROUNDS }
}

function jobChecks(name: string, { rate, off }: JobResult): Check[] {
  return [
    { name, value: round(rate), unit: 'images/s' },
    { name: `${name}_off`, value: round(off), unit: 'of the largest', gate: OFF },
  ]
}

function checksOf(name: string, unit: string, { rates, off, same }: Compared): Check[] {
  return [
    ...Array.from(rates, ([of, rounds]) => medianCheck({ name: `${name}_${of.name}`, unit }, rounds)),
    ...Array.from(off, ([of, value]) => ({
      ...{ name: `${name}_${of.name}_off`, value: round(value), unit: 'of the largest', gate: OFF },
    })),
    ...Array.from(same, ([of, value]) => ({
      ...{ name: `${name}_${of.name}_same_bits`, value: value ? 1 : 0, unit: 'of 1' },
    })),
  ]
}
