import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Parameter } from '../layers/parameters.ts'
import { isDecaying, type Optimizer } from './optimizer.ts'
import { AMOUNT, CARRIED, checkSettings } from './settings.ts'

/** Settings of {@link adam}. */
export interface AdamOptions {
  /** Share of the mean of gradients that stays. Default: 0.9. */
  readonly beta1?: number
  /** Share of the mean of squares that stays. Default: 0.999. */
  readonly beta2?: number
  /** Added to the root of the mean of squares. Default: 1e-8. */
  readonly epsilon?: number
}

/** Settings of {@link adamw}. */
export interface AdamWOptions extends AdamOptions {
  /** Share of a weight, times the learning rate, that is taken off it at each step. Default: 0.01. */
  readonly weightDecay?: number
  /** What decays. Default: weights and embeddings; biases and the gains of norms do not. */
  readonly decays?: (parameter: Parameter) => boolean
}

/** Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1. */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamw({ ...options, weightDecay: 0 })
}

/** Adam with decay beside the gradient (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2). */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options
  const { decays = isDecaying } = options
  checkSettings('adam', {
    beta1: [beta1, CARRIED],
    beta2: [beta2, CARRIED],
    epsilon: [epsilon, { least: 0, exclusive: true }],
    weightDecay: [weightDecay, AMOUNT],
  })
  return ({ g, learningRate, step, state }, trained) => {
    // The moments are kept as sums, M = m / (1 - beta1) and V = v / (1 - beta2), and what that and the corrections of
    // their bias amount to goes into two scalars: two products less for each element.
    const corrected1 = g.scale(biasCorrection(g, step(), beta1), 1 / (1 - beta1))
    const root2 = g.sqrt(g.scale(biasCorrection(g, step(), beta2), 1 / (1 - beta2)))
    const rate = g.mul(learningRate, g.div(root2, corrected1))
    const smallest = g.scale(root2, epsilon)
    return trained.map(({ parameter, gradient }) => {
      const { value } = parameter
      const first = state(parameter, 'first', (before) => g.add(g.scale(before, beta1), gradient))
      const second = state(parameter, 'second', (before) => g.add(g.scale(before, beta2), g.mul(gradient, gradient)))
      const kept =
        weightDecay !== 0 && decays(parameter)
          ? g.mul(value, g.sub(g.scalar(1), g.scale(learningRate, weightDecay)))
          : value
      return g.sub(kept, g.mul(g.div(first, g.add(g.sqrt(second), smallest)), rate))
    })
  }
}

/**
 * 1 - beta^step, by 1 - e^-x = 2 t / (1 + t) with t = tanh(x / 2): the first steps would lose half of their digits to the
 * difference of two numbers near 1.
 */
function biasCorrection(g: GraphBuilder, step: Value, beta: number): Value {
  const t = g.apply('Tanh', [g.scale(step, -Math.log(beta) / 2)])
  return g.div(g.scale(t, 2), g.shift(t, 1))
}
