import type { Operator } from '../build/operator.ts'
import { broadcastInputs, likeFloatInput, likeInput } from './inference.ts'

/** Flat between its steps: nothing flows back, as in PyTorch. */
const steps: Operator = { infer: likeFloatInput, gradient: () => [] }

/** What makes whole numbers of others. */
export const ROUNDING: Readonly<Record<string, Operator>> = {
  Floor: steps,
  Ceil: steps,
  Round: steps,
  Sign: { infer: likeInput, gradient: () => [] },
  /** By the divisor nothing flows back: it moves the result in steps. */
  Mod: {
    infer: (call) => broadcastInputs(call),
    gradient: ({ g, d, call, inputs, needs }) => {
      if (needs(1)) throw call.refuse('no-gradient', 'expected a divisor that is not trained; freeze it')
      return [g.unbroadcast(d, inputs[0]!.shape)]
    },
  },
}
