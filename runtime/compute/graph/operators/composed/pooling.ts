import type { Composite } from '../../build/operator.ts'

/** Pooling that opset 18 has in a narrower form, or that is cheaper in another order. */
export const COMPOSED_POOLING: Readonly<Record<string, Composite>> = {
  /** The largest of what a Relu gives is the Relu of the largest, to the bit: on a quarter of the elements at 2 x 2. */
  MaxPool: (g, call) => {
    const x = call.input(0)
    if (x.producer?.op !== 'Relu' || g.ownGradients.has(x)) return undefined
    const [y, places] = g.applyAll('MaxPool', x.producer.inputs, call.attributes)
    return [g.apply('Relu', [y]), places!]
  },
  /** Dilations came with opset 19, and exporters write them where they are 1. */
  AveragePool: (g, call) => {
    const { dilations, ...attributes } = call.attributes
    if (dilations === undefined) return undefined
    if (call.ints('dilations', []).some((dilation) => dilation !== 1))
      throw call.refuse('attribute', 'expected an average over neighbours, found one with gaps (dilations); drop them')
    return g.applyAll('AveragePool', call.inputs, attributes)
  },
}
