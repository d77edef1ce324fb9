import type { Composite } from '../../build/operator.ts'

/** Pooling that opset 18 has in a narrower form. */
export const COMPOSED_POOLING: Readonly<Record<string, Composite>> = {
  /** Dilations came with opset 19, and exporters write them where they are 1. */
  AveragePool: (g, call) => {
    const { dilations, ...attributes } = call.attributes
    if (dilations === undefined) return undefined
    if (call.ints('dilations', []).some((dilation) => dilation !== 1))
      throw call.refuse('attribute', 'expected an average over neighbours, found one with gaps (dilations); drop them')
    return g.applyAll('AveragePool', call.inputs, attributes)
  },
}
