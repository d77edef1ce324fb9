import type { BlobRef, JobSpec } from '../../runtime/protocol/index.ts'
import type { JobPlan } from './plan.ts'
import { unread } from './training-rules.ts'

/** What a training of the plan is as a job. */
export function trainingSpec(
  steps: number,
  { localSteps, snapshotEvery, late, elements }: NonNullable<JobPlan['rounds']>,
  state: BlobRef,
): Pick<JobSpec, 'request' | 'training'> {
  return {
    request: {
      program: 'train',
      ...{ model: 'step.onnx', state: 'start', data: { path: 'rows', firstRow: 0 }, steps, seed: 1 },
      learningRate: { kind: 'constant', rate: 1 },
      ...{ stepsPerShard: 100, commitEvery: 100, requirements: {} },
      rounds: {
        workers: { min: 1, max: 64 },
        sync: 'diloco',
        recipe: { localSteps },
        aggregation: { rule: 'mean' },
        late: late === 'return' ? { rule: 'return' } : { rule: 'weigh', factor: 0.5, maxAge: 2 },
        balance: 'speed',
        deadline: { factor: 3, leastMs: 2_000 },
        replacement: 'committed',
        snapshotEvery,
      },
    },
    training: {
      ...{ state, data: { table: unread('rows'), firstRow: 0, rows: 1_000 }, steps, batchSize: 1 },
      rounds: { length: elements, plain: 0 },
    },
  }
}
