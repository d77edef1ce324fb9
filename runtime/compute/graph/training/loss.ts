import { userError } from '../../../base/index.ts'
import { elementCount } from '../../../data/tensor/check.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import { sameShape } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import type { NamedValues } from '../layers/layer.ts'
import type { Scope } from '../layers/scope.ts'
import { labelsLike, unlike } from './labels-like.ts'
import { checkSettings } from './settings.ts'

/** What training makes smaller: `loss`, a scalar, and other scalars to look at, from what the model gave and the batch. */
export type Loss = (s: Scope, outputs: NamedValues, batch: NamedValues) => NamedValues & { readonly loss: Value }

/** Where a loss finds what it compares. */
export interface LossOptions {
  /** Name in the batch of what is right. Default: `labels`. */
  readonly labels?: string
  /** Name of the model's output. Default: the only one. */
  readonly output?: string
}

/** How {@link crossEntropy} counts. */
export interface CrossEntropyOptions extends LossOptions {
  /**
   * Share of the target that is spread evenly over all classes (Szegedy et al. 2016, "Rethinking the Inception
   * Architecture", section 7). Default: 0.
   */
  readonly smoothing?: number
}

/**
 * Mean cross-entropy of classes: logits `[..., classes]`, labels `[...]` integers, one a row of logits. Metric: `accuracy`,
 * the share of rows whose largest logit is at the label.
 */
export function crossEntropy({ smoothing = 0, ...options }: CrossEntropyOptions = {}): Loss {
  checkSettings('crossEntropy', { smoothing: [smoothing, { least: 0, most: 1 }] })
  return (s, outputs, batch) => {
    const { g } = s
    const { output, labels } = compared(outputs, batch, options)
    const classes = output.shape.at(-1) ?? 1
    if (!sameShape(output.shape.slice(0, -1), labels.shape) || labels.dtype.startsWith('float'))
      throw unlike('integer labels, one a row of logits,', output, labels)
    const logits = g.reshape(output, [-1, classes])
    const rows = logits.shape[0]!
    const indexes = g.cast(g.reshape(labels, [-1]), 'int64')
    const [off, on] = [smoothing / classes, 1 - smoothing + smoothing / classes]
    const sides = g.constant(tensorOf(Float32Array.of(off, on)))
    const target = g.apply('OneHot', [indexes, g.integers([classes]), sides], { axis: -1 })
    const logShares = g.apply('LogSoftmax', [logits], { axis: -1 })
    const loss = g.neg(g.mean(g.sum(g.mul(logShares, target), [1], false), [0], false))
    // Softmax minus target, at once: the rules of the operators would sum the target again in each row.
    g.withGradient(loss, [logits], (d) => [g.mul(g.sub(g.apply('Exp', [logShares]), target), g.scale(d, 1 / rows))])
    const chosen = g.apply('ArgMax', [logits], { axis: 1, keepdims: 0 })
    const right = g.cast(g.apply('Equal', [chosen, indexes]), 'float32')
    return { loss, accuracy: g.mean(right, [0], false) }
  }
}

/** Mean of squared differences from labels of the output's shape; of an output `[rows, 1]`, `[rows]` too. */
export function meanSquaredError(options: LossOptions = {}): Loss {
  return ({ g }, outputs, batch) => {
    const { output, labels } = compared(outputs, batch, options)
    const difference = g.sub(output, g.cast(labelsLike(g, output, labels), 'float32'))
    const loss = g.mean(g.mul(difference, difference), undefined, false)
    const share = 2 / elementCount(output.shape)
    return { loss: g.withGradient(loss, [output], (d) => [g.mul(difference, g.scale(d, share))]) }
  }
}

/**
 * Mean binary cross-entropy of logits against labels of the same shape (of logits `[rows, 1]`, `[rows]` too), from 0 to 1.
 * Metric: `accuracy`, the share that lies on the label's side of one half.
 */
export function binaryCrossEntropy(options: LossOptions = {}): Loss {
  return ({ g }, outputs, batch) => {
    const { output, labels } = compared(outputs, batch, options)
    const target = g.cast(labelsLike(g, output, labels), 'float32')
    // log(1 + e^x) - x y: neither side overflows.
    const each = g.sub(g.apply('Softplus', [output]), g.mul(output, target))
    const loss = g.mean(each, undefined, false)
    const share = 1 / elementCount(output.shape)
    g.withGradient(loss, [output], (d) => [g.mul(g.sub(g.apply('Sigmoid', [output]), target), g.scale(d, share))])
    const half = (value: Value, at: number) => g.apply('Greater', [value, g.scalar(at)])
    const same = g.apply('Equal', [half(output, 0), half(target, 0.5)])
    return { loss, accuracy: g.mean(g.cast(same, 'float32'), undefined, false) }
  }
}

function compared(outputs: NamedValues, batch: NamedValues, { labels = 'labels', output }: LossOptions) {
  const names = Object.keys(outputs)
  const name = output ?? (names.length === 1 ? names[0]! : 'output')
  return { output: named(outputs, name, "the model's outputs"), labels: named(batch, labels, 'the batch') }
}

function named(values: NamedValues, name: string, where: string): Value {
  const value = values[name]
  if (value) return value
  throw userError('graph.input', `loss: expected ${name} in ${where}, found ${Object.keys(values).join(', ')}; name it`)
}
