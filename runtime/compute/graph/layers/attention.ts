import { userError } from '../../../base/index.ts'
import { shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { dense, type WeightOptions } from './dense.ts'
import { type Layer, layer } from './layer.ts'
import type { Scope } from './scope.ts'

/** Options of {@link attention}. */
export interface AttentionOptions extends WeightOptions {
  /** Into how many parts the features are split; it divides them. */
  readonly heads: number
  /** Whether a place sees itself and those before it alone. Default: false. */
  readonly causal?: boolean
  /** `[batch, places]`, of what is looked at: 1 where there is something, 0 where there is padding. Default: all of it. */
  readonly keyMask?: Value
  /** What is looked at, `[batch, places, width]`. Default: the input itself. */
  readonly memory?: Value
}

/**
 * Multi-head attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2): `[batch, places, width]` to the
 * same shape. Dense layers inside: `query`, `key`, `value`, `output`.
 */
export function attention(options: AttentionOptions): Layer {
  const { heads, name: _, causal = false, keyMask, memory, ...weight } = options
  return layer('attention', options, (s, x) => {
    s.expectRank(x, 3, '[batch, places, width]')
    const seen = memory ?? x
    const width = x.shape[2]!
    if (width % heads !== 0)
      throw userError('graph.shape', `${s.path}: expected a width that ${heads} heads share, found ${shown(x.shape)}`, {
        layer: s.path,
      })
    const size = width / heads
    const { g } = s
    const part = (name: string, from: Value, order: readonly number[]) => {
      const projected = s.call(dense(width, { ...weight, name }), from)
      return g.transpose(g.reshape(projected, [-1, from.shape[1]!, heads, size]), order)
    }
    const query = g.scale(part('query', x, [0, 2, 1, 3]), 1 / Math.sqrt(size))
    const key = part('key', seen, [0, 2, 3, 1])
    const value = part('value', seen, [0, 2, 1, 3])
    const scores = masked(s, g.matmul(query, key), { causal, keyMask })
    const mixed = g.matmul(g.apply('Softmax', [scores], { axis: -1 }), value)
    const joined = g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [-1, x.shape[1]!, width])
    return s.call(dense(width, { ...weight, name: 'output' }), joined)
  })
}

/** Far below every score, and finite: a row that sees nothing has even shares, not NaN. */
const UNSEEN = -1e9

/** Scores `[batch, heads, places, keys]`, those of what is not to be seen far down. */
function masked(s: Scope, scores: Value, { causal, keyMask }: { causal: boolean; keyMask: Value | undefined }): Value {
  const { g } = s
  let found = scores
  if (causal) {
    const [places, keys] = scores.shape.slice(2) as [number, number]
    // Above the diagonal; made of one number when the graph is loaded, not carried as a matrix.
    const all = g.expand(g.scalar(UNSEEN), [places, keys])
    found = g.add(found, g.apply('Trilu', [all, g.scalar(1 + keys - places, 'int64')], { upper: 1 }))
  }
  if (keyMask) {
    const keys = scores.shape[3]!
    if (keyMask.shape.length !== 2 || keyMask.shape[1] !== keys)
      throw userError(
        'graph.shape',
        `${s.path}: expected a mask [batch, ${keys}], found shape ${shown(keyMask.shape)}`,
        { layer: s.path },
      )
    const unseen = g.scale(g.shift(g.cast(keyMask, 'float32'), -1), -UNSEEN)
    found = g.add(found, g.reshape(unseen, [-1, 1, 1, keys]))
  }
  return found
}
