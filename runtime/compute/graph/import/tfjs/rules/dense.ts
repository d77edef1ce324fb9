import { z } from 'zod'
import { adaptedProduct } from '../../../layers/dense.ts'
import { asGiven, given } from '../arrangement.ts'
import type { LayerRule } from '../building.ts'
import { activationOf } from './activation.ts'

/** Products with a matrix, and rows of a table. */
export const DENSE: Readonly<Record<string, LayerRule>> = {
  /** Along the last axis, whatever lies before it. */
  Dense: (layer) => {
    const { use_bias: useBias } = layer.read(z.looseObject({ use_bias: z.boolean().default(true) }))
    const activate = activationOf(layer)
    const kernel = layer.weight('kernel')
    const bias = useBias ? layer.weight('bias', { kind: 'bias' }) : undefined
    return (b, [x]) => {
      const { g, s } = b
      const value = asGiven(g, x!)
      const rows = g.reshape(value, [-1, value.shape.at(-1)!])
      const weight = b.weight(kernel)
      const y = adaptedProduct(s, rows, {
        name: kernel.name,
        prefix: `${kernel.name}.`,
        weight,
        bias: bias && b.weight(bias),
      })
      return activate(b, given(g.reshape(y, [-1, ...value.shape.slice(1, -1), weight.shape[1]!])))
    }
  },
  Embedding: (layer) => {
    const { mask_zero: masked } = layer.read(z.looseObject({ mask_zero: z.boolean().nullish() }))
    if (masked) throw layer.refuse('an embedding without maskZero; mask where the mask is needed')
    const table = layer.weight('embeddings', { kind: 'embedding' })
    return (b, [x]) => {
      const { g } = b
      return given(g.apply('Gather', [b.weight(table), g.cast(asGiven(g, x!), 'int64')]))
    }
  },
}
