import { elementCount } from '../../../data/tensor/check.ts'
import type { GradientContext, Operator } from '../build/operator.ts'
import { shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { normalizedAxes } from './composed/normalization.ts'
import { likeFloatInput } from './inference.ts'

/** Normalisations that engines have kernels for. Others are built of plain operators (`composed/normalization.ts`). */
export const NORMALIZATION: Readonly<Record<string, Operator>> = {
  /** For inference: by the mean and variance it is given. */
  BatchNormalization: {
    infer: (call) => {
      const [y] = likeFloatInput(call) as [TensorType]
      for (let i = 1; i < 5; i++) {
        const { shape } = call.input(i)
        if (shape.length !== 1 || shape[0] !== y.shape[1])
          throw call.refuse(
            'shape',
            `expected a number for each of ${y.shape[1]} channels, found shape ${shown(shape)}`,
          )
      }
      return [y]
    },
    operations: (call) => 2 * elementCount(call.input(0).shape),
    gradient: batchNormGradient,
  },
  LayerNormalization: {
    requiredOutputs: 1,
    infer: (call) => {
      const [y] = likeFloatInput(call) as [TensorType]
      const axes = new Set(normalizedAxes(call, y.shape))
      const statistics = { dtype: y.dtype, shape: y.shape.map((dim, axis) => (axes.has(axis) ? 1 : dim)) }
      return [y, statistics, statistics]
    },
    operations: (call) => 7 * elementCount(call.input(0).shape),
    gradient: layerNormGradient,
  },
}

function batchNormGradient({ g, d, call, inputs, needs }: GradientContext): (Value | undefined)[] {
  const [x, scale, , mean, variance] = inputs as [Value, Value, Value, Value, Value]
  if (needs(3) || needs(4))
    throw call.refuse('no-gradient', 'expected a mean and variance that are not trained; freeze both')
  const channel = (value: Value) => g.reshape(value, [value.shape[0]!, ...x.shape.slice(2).map(() => 1)])
  const deviation = g.sqrt(g.shift(variance, call.float('epsilon', 1e-5)))
  const standard = () => g.div(g.sub(x, channel(mean)), channel(deviation))
  return [
    needs(0) ? g.mul(d, channel(g.div(scale, deviation))) : undefined,
    needs(1) ? g.reshape(g.unbroadcast(g.mul(d, standard()), channel(scale).shape), scale.shape) : undefined,
    needs(2) ? g.reshape(g.unbroadcast(d, channel(scale).shape), scale.shape) : undefined,
  ]
}

/** Ba, Kiros and Hinton, Layer Normalization (arXiv:1607.06450): what moves the mean or the spread has no effect. */
function layerNormGradient({ g, d, ds, call, inputs, outputs, needs }: GradientContext): (Value | undefined)[] {
  const [x, scale, bias] = inputs as [Value, Value, Value | undefined]
  const [, mean, inverse] = outputs as [Value, Value, Value]
  if (ds[1] ?? ds[2]) throw call.refuse('no-gradient', 'its mean and deviation have no gradient; compute them apart')
  const axes = normalizedAxes(call, x.shape)
  const standard = g.mul(g.sub(x, mean), inverse)
  const own = () => {
    const scaled = g.mul(d, scale)
    const along = g.mul(standard, g.mean(g.mul(scaled, standard), axes))
    return g.mul(inverse, g.sub(g.sub(scaled, g.mean(scaled, axes)), along))
  }
  return [
    needs(0) ? own() : undefined,
    needs(1) ? g.unbroadcast(g.mul(d, standard), scale.shape) : undefined,
    needs(2) ? g.unbroadcast(d, bias!.shape) : undefined,
  ]
}
