import { z } from 'zod'
import { assertNever } from '../base/index.ts'
import { countSchema } from './names.ts'

const rateSchema = z.number().positive().finite()

/**
 * How the learning rate changes with the step, as data: part of what a training shard is, so that two workers never read
 * the same words differently.
 */
export const learningRateSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant'), rate: rateSchema }),
  /**
   * Grows to `rate` over the first steps, then falls to `finalShare` of it along half a cosine (Loshchilov and Hutter
   * 2017, "SGDR", equation 5, without restarts).
   */
  z.object({
    kind: z.literal('cosine'),
    rate: rateSchema,
    /** Steps that it grows over. */
    warmUpSteps: countSchema,
    /** Where the fall ends; later steps stay there. */
    totalSteps: countSchema.min(1),
    /** What is left of the rate in the end. */
    finalShare: z.number().min(0).max(1),
  }),
  /** Is multiplied by `factor` every so many steps. */
  z.object({
    kind: z.literal('decay'),
    rate: rateSchema,
    everySteps: countSchema.min(1),
    factor: z.number().positive().max(1),
  }),
])

/** See {@link learningRateSchema}. */
export type LearningRate = z.infer<typeof learningRateSchema>

/** The rate of a step; `step` 0 is the first one. Rounded to f32, as engines take it. */
export function learningRateAt(schedule: LearningRate, step: number): number {
  return Math.fround(exactRate(schedule, step))
}

function exactRate(schedule: LearningRate, step: number): number {
  switch (schedule.kind) {
    case 'constant':
      return schedule.rate
    case 'cosine': {
      const { rate, warmUpSteps, totalSteps, finalShare } = schedule
      if (step < warmUpSteps) return (rate * (step + 1)) / warmUpSteps
      const fallen = Math.min(1, (step - warmUpSteps) / Math.max(1, totalSteps - warmUpSteps))
      return rate * (finalShare + ((1 - finalShare) * (1 + Math.cos(Math.PI * fallen))) / 2)
    }
    case 'decay':
      return schedule.rate * schedule.factor ** Math.floor(step / schedule.everySteps)
    default:
      return assertNever(schedule)
  }
}
