import {
  adam,
  choice,
  crossEntropy,
  dense,
  dropout,
  flatten,
  heNormal,
  pixels,
  type RowTable,
  relu,
  type Search,
  type Sweep,
  sequential,
  sweep,
  training,
} from '../../runtime/index.ts'

/** Three learning rates, three widths and three shares of dropout: 27 configurations. */
const SPACE = {
  learningRate: choice([3e-4, 3e-3, 3e-2]),
  width: choice([32, 64, 128]),
  dropout: choice([0, 0.2, 0.5]),
}

/** Of one trial: nearly three passes over the rows that are learned from. */
export const STEPS = 1_080

/** Rows that trials are compared by: the last of the training set. None of them is learned from. */
const VALIDATION_ROWS = 10_000

/** A classifier of clothes with one hidden layer, in all configurations or those that `strategy` tries. */
export function fashionSweep(data: RowTable, strategy: Search, seed: number): Sweep {
  return sweep({
    space: SPACE,
    strategy,
    metric: 'accuracy',
    goal: 'max',
    train: ({ learningRate, width, dropout: share }) =>
      training({
        model: sequential([
          ...[pixels(), flatten(), dense(width, { initial: heNormal }), relu()],
          ...(share > 0 ? [dropout(share)] : []),
          dense(10),
        ]),
        loss: crossEntropy(),
        optimizer: adam(),
        inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
        batchSize: 128,
        data,
        validation: { share: VALIDATION_ROWS / data.length },
        steps: STEPS,
        evaluateEvery: STEPS / 9,
        learningRate: { kind: 'cosine', rate: learningRate, finalShare: 0.05, warmUpSteps: 50 },
        seed,
      }),
  })
}
