import { test } from 'uvu'
import { GraphBuilder, gradients } from '../../../../runtime/compute/graph/index.ts'
import { tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { checkGradients, type GradientCase } from '../../../support/gradient-check.ts'

const channels = { x: [3, 2, 4, 2], scale: [2], bias: [2] }
const CASES: Readonly<Record<string, GradientCase>> = {
  'BatchNormalization for inference': {
    inputs: channels,
    build: (g, { x, scale, bias }) => {
      const [mean, variance] = [Float64Array.of(0.1, -0.2), Float64Array.of(0.5, 2)].map((v) => g.constant(tensorOf(v)))
      return g.apply('BatchNormalization', [x, scale, bias, mean, variance], { epsilon: { float: 1e-3 } })
    },
  },
  'BatchNormalization in training': {
    inputs: channels,
    build: (g, { x, scale, bias }) => {
      const [mean, variance] = [Float64Array.of(0.1, -0.2), Float64Array.of(0.5, 2)].map((v) => g.constant(tensorOf(v)))
      const [y, runningMean, runningVariance] = g.applyAll('BatchNormalization', [x, scale, bias, mean, variance], {
        training_mode: 1,
        momentum: { float: 0.8 },
      })
      return g.mul(y!, g.reshape(g.add(runningMean!, runningVariance!), [2, 1, 1]))
    },
  },
  LayerNormalization: {
    inputs: { x: [3, 2, 5], scale: [5], bias: [5] },
    build: (g, { x, scale, bias }) => g.apply('LayerNormalization', [x, scale, bias]),
  },
  'LayerNormalization of float32': {
    inputs: { x: [3, 2, 5], scale: [5], bias: [5] },
    dtype: 'float32',
    build: (g, { x, scale, bias }) => g.apply('LayerNormalization', [x, scale, bias]),
  },
  'LayerNormalization of float32 over two axes, without bias': {
    inputs: { x: [3, 2, 5], scale: [2, 5] },
    dtype: 'float32',
    build: (g, { x, scale }) => g.apply('LayerNormalization', [x, scale], { axis: 1, epsilon: { float: 1e-2 } }),
  },
  'LayerNormalization over two axes, without bias': {
    inputs: { x: [3, 2, 5], scale: [2, 5] },
    build: (g, { x, scale }) => g.apply('LayerNormalization', [x, scale], { axis: 1, epsilon: { float: 1e-2 } }),
  },
  InstanceNormalization: {
    inputs: channels,
    build: (g, { x, scale, bias }) => g.apply('InstanceNormalization', [x, scale, bias]),
  },
  'GroupNormalization, scale per channel': {
    inputs: { x: [2, 6, 3], scale: [6], bias: [6] },
    build: (g, { x, scale, bias }) => g.apply('GroupNormalization', [x, scale, bias], { num_groups: 2 }),
  },
  'GroupNormalization, scale per group': {
    inputs: { x: [2, 6, 3], scale: [2], bias: [2] },
    build: (g, { x, scale, bias }) => g.apply('GroupNormalization', [x, scale, bias], { num_groups: 2 }),
  },
  RMSNormalization: {
    inputs: { x: [2, 3, 4], scale: [4] },
    build: (g, { x, scale }) => g.apply('RMSNormalization', [x, scale]),
  },
  LpNormalization: {
    inputs: { x: [2, 4] },
    build: (g, { x }) => g.apply('LpNormalization', [x], { p: 1 }),
  },
}

for (const [name, each] of Object.entries(CASES))
  for (const target of ['cpu', 'portable'] as const)
    test(`${name}, ${target}`, () => checkGradients(`${name}, ${target}`, { ...each, target }))

test('a running mean is not trained', () => {
  const g = new GraphBuilder()
  const values = [[2, 3, 4, 4], [3], [3], [3], [3]].map((shape, i) => g.input(`in${i}`, { dtype: 'float32', shape }))
  const loss = g.sum(g.apply('BatchNormalization', values), undefined, false)
  refusesSync('graph.no-gradient', () => gradients(g, loss, [values[3]!]))
})

test.run()
