import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  adamw,
  crossEntropy,
  dense,
  GraphBuilder,
  muon,
  sgd,
  type TrainingInit,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { refusesSync } from '../../../data/refusal.ts'

const says = (act: () => unknown, words: RegExp, code = 'graph.setting') =>
  assert.match(refusesSync(code, act).message, words)

test('settings out of their bounds are refused by name, where they are written', () => {
  says(() => sgd({ momentum: Number.NaN }), /sgd: expected a number from 0 to .* for momentum, found NaN/)
  says(() => sgd({ weightDecay: -1 }), /at least 0 for weightDecay, found -1/)
  says(() => adam({ beta1: 1 }), /beta1, found 1/)
  says(() => adam({ beta2: -0.1 }), /beta2/)
  says(() => adamw({ epsilon: 0 }), /more than 0 for epsilon/)
  says(() => muon({ momentum: 2 }), /muon.*momentum/)
  says(() => crossEntropy({ smoothing: 2 }), /from 0 to 1 for smoothing, found 2/)
})

test('and so are those of a step', () => {
  const inputs = { x: { dtype: 'float32', shape: [3] }, labels: { dtype: 'int64', shape: [] } } as const
  const step = (more: Partial<TrainingInit>) => () =>
    trainingStep({ model: dense(2), loss: crossEntropy(), optimizer: sgd(), inputs, batchSize: 4, ...more })
  step({ clip: 0.5, seed: 7, accumulate: 2 })()
  says(step({ accumulate: -1 }), /trainingStep: expected a whole number of at least 1 for accumulate, found -1/)
  says(step({ batchSize: 0.5 }), /batchSize, found 0.5/)
  says(step({ clip: 0 }), /more than 0 for clip/)
  says(step({ clip: Number.NaN }), /clip, found NaN/)
  says(step({ seed: -1 }), /seed, found -1/)
  const odd = { ...inputs, x: { dtype: 'float32', shape: [-3] } } as const
  says(step({ inputs: odd }), /x: expected whole sizes.*\[4, -3\]/, 'graph.shape')
  says(() => new GraphBuilder().input('x', { dtype: 'float32', shape: [1.5] }), /\[1\.5\]/, 'graph.shape')
})

test.run()
