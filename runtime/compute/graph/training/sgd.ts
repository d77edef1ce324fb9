import type { Parameter } from '../layers/parameters.ts'
import { isDecaying, type Optimizer } from './optimizer.ts'
import { AMOUNT, CARRIED, checkSettings } from './settings.ts'

/** How {@link sgd} goes on from step to step. */
export interface SgdOptions {
  /** Share of the last change that goes on. Default: 0. */
  readonly momentum?: number
  /** Looks ahead along the momentum. Default: false. */
  readonly nesterov?: boolean
  /** Share of a weight that is added to its gradient. Default: 0. */
  readonly weightDecay?: number
  /** What decays. Default: weights and embeddings; biases and the gains of norms do not. */
  readonly decays?: (parameter: Parameter) => boolean
}

/**
 * Stochastic gradient descent, with momentum as PyTorch writes it: v = momentum v + gradient, and the learning rate times v
 * is taken away (Sutskever et al. 2013, "On the importance of initialization and momentum", section 2, has the rate inside).
 */
export function sgd({
  momentum = 0,
  nesterov = false,
  weightDecay = 0,
  decays = isDecaying,
}: SgdOptions = {}): Optimizer {
  checkSettings('sgd', { momentum: [momentum, CARRIED], weightDecay: [weightDecay, AMOUNT] })
  return ({ g, learningRate, state }, trained) =>
    trained.map(({ parameter, gradient }) => {
      const { value } = parameter
      const d = weightDecay !== 0 && decays(parameter) ? g.add(gradient, g.scale(value, weightDecay)) : gradient
      const velocity =
        momentum === 0 ? d : state(parameter, 'momentum', (before) => g.add(g.scale(before, momentum), d))
      const direction = nesterov && momentum !== 0 ? g.add(d, g.scale(velocity, momentum)) : velocity
      return g.sub(value, g.mul(direction, learningRate))
    })
}
