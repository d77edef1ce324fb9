import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { sha256All } from '../../runtime/base/index.ts'
import { placesOf, type RowTable } from '../../runtime/data/rows/index.ts'
import { type LearningRate, learningRateAt } from '../../runtime/protocol/index.ts'
import type { TorchTraining } from '../peers/torch-training.ts'
import { feedsOf, samplesPerStep, stacked } from './batches.ts'
import { JUDGED_AT_ONCE, type TrainingTask } from './task.ts'

/** Steps of the character model, a million characters: 70 s of one core in PyTorch. */
export const STEPS = 500

/** Up to 2e-3, then along a cosine to a twentieth of it. */
export const RATE: LearningRate = {
  kind: 'cosine',
  rate: 2e-3,
  warmUpSteps: 50,
  totalSteps: STEPS,
  finalShare: 0.05,
}

/** What PyTorch came to, and from what. */
const recordSchema = z.object({
  torch: z.string(),
  /** SHA-256 over initial weights, batches and learning rates: another training is compared with nothing. */
  training: z.string(),
  seed: z.int(),
  steps: z.int(),
  /** Characters that were learned from. */
  samples: z.int(),
  /** Mean cross-entropy of the validation's characters, in nats. */
  validationLoss: z.number(),
})

/** See {@link torchValidation}. */
export type TorchRecord = z.infer<typeof recordSchema>

const RECORD = new URL('torch-validation.json', import.meta.url)

/** What was recorded by `record-torch.ts`. */
export function recordedValidation(): TorchRecord {
  return recordSchema.parse(JSON.parse(readFileSync(RECORD, 'utf8')))
}

/** Trains the character model in PyTorch, from our weights on our batches, and judges it. */
export async function torchValidation(
  torch: TorchTraining,
  task: TrainingTask,
  validation: RowTable,
): Promise<TorchRecord> {
  const { model, optimiser } = task.torch
  const feeds = await feedsOf(task, STEPS)
  await torch.build(
    model,
    task.step.parameters.map(({ initial }) => initial()),
    optimiser,
  )
  await torch.batches(stacked(feeds))
  await torch.steps(ratesOf(task))
  const judged = Math.floor(validation.length / JUDGED_AT_ONCE)
  const windows = await validation.gather(
    placesOf({ length: validation.length, at: (i) => i }, 0, judged * JUDGED_AT_ONCE),
  )
  const columns = Object.entries(windows).map(([name, { dtype, shape, data }]) => {
    return [name, { dtype, shape: [judged, JUDGED_AT_ONCE, ...shape.slice(1)], data }] as const
  })
  const { loss } = await torch.evaluate(Object.fromEntries(columns))
  return {
    torch: torch.version,
    training: await fingerprint(task),
    seed: task.seed,
    steps: STEPS,
    samples: STEPS * samplesPerStep(task),
    validationLoss: Number(loss.toPrecision(7)),
  }
}

/** Names a training by all that decides what comes out: {@link TorchRecord.training}. */
export async function fingerprint(task: TrainingTask): Promise<string> {
  const weights = task.step.parameters.map(({ initial }) => initial().data)
  const batches = Object.values(stacked(await feedsOf(task, STEPS))).map(({ data }) => data)
  return sha256All([...weights, ...batches, new Uint8Array(Float64Array.from(ratesOf(task)).buffer)])
}

function ratesOf({ learningRate }: TrainingTask): number[] {
  return Array.from({ length: STEPS }, (_, step) => learningRateAt(learningRate, step))
}
