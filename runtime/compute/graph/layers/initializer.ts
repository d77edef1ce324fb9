import { createHash } from 'node:crypto'
import { canonicalBytes } from '../../../base/index.ts'
import { philox } from '../../../base/philox.ts'
import { elementCount } from '../../../data/tensor/check.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'

/** What the values of a parameter begin with: a function of its shape, its place in the model and the model's seed. */
export type Initializer = (place: Placed) => Float32Array

/** A parameter that is to be filled. */
export interface Placed {
  readonly shape: readonly number[]
  /** Values that one output is a sum of, and outputs that one input is part of: what Glorot's and He's rules scale by. */
  readonly fanIn: number
  readonly fanOut: number
  /** Fills an array with numbers in [0, 1), always the same ones for a name and a seed. */
  readonly uniform: (values: Float32Array) => void
}

/** The same value everywhere. */
export function constantly(value: number): Initializer {
  return ({ shape }) => new Float32Array(elementCount(shape)).fill(value)
}

/** Zeros: what biases begin with. */
export const zeros: Initializer = constantly(0)

/** Ones: what the gains of norms begin with. */
export const ones: Initializer = constantly(1)

/** Even between `-bound` and `bound`. */
export function uniform(bound: number): Initializer {
  return (place) => spread(place, bound)
}

/** Normal with mean 0, by pairs (Box and Muller 1958, "A Note on the Generation of Random Normal Deviates"). */
export function normal(deviation: number): Initializer {
  return (place) => bell(place, deviation)
}

/** Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 16. */
export const glorotUniform: Initializer = (place) => spread(place, Math.sqrt(6 / (place.fanIn + place.fanOut)))

/** As {@link glorotUniform}, with the same variance. */
export const glorotNormal: Initializer = (place) => bell(place, Math.sqrt(2 / (place.fanIn + place.fanOut)))

/** He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers", equation 10: for layers that a ReLU follows. */
export const heNormal: Initializer = (place) => bell(place, Math.sqrt(2 / place.fanIn))

/** As {@link heNormal}, with the same variance. */
export const heUniform: Initializer = (place) => spread(place, Math.sqrt(6 / place.fanIn))

/** Even within `1 / sqrt(fanIn)`: what PyTorch begins its Linear and Conv2d with, biases too. */
export const fanInUniform: Initializer = (place) => spread(place, Math.sqrt(1 / place.fanIn))

/** Fills a parameter. Its numbers depend on seed, name and shape alone, whatever else the model holds. */
export function initialTensor(
  initializer: Initializer,
  { name, shape, seed, fans }: { name: string; shape: readonly number[]; seed: number; fans?: readonly number[] },
): Tensor {
  const digest = createHash('sha256')
    .update(canonicalBytes(['aivida/initial/1', name, seed]))
    .digest()
  const key = [digest.readUInt32LE(0), digest.readUInt32LE(4)] as const
  const [fanIn = 1, fanOut = 1] = fans ?? fansOf(shape)
  const uniform = (values: Float32Array) => {
    const words = new Uint32Array(values.length)
    philox(words, key)
    for (let i = 0; i < values.length; i++) values[i] = (words[i]! >>> 8) / 2 ** 24 // all that an f32 below 1 can tell apart
  }
  return tensorOf(initializer({ shape, fanIn, fanOut, uniform }), shape)
}

/** Of dense weights `[in, out]`; of kernels `[out, in, ...window]`. */
function fansOf(shape: readonly number[]): readonly number[] {
  const [first = 1, second = 1, ...window] = shape
  const size = elementCount(window)
  return shape.length > 2 ? [second * size, first * size] : [first, second]
}

function spread({ shape, uniform }: Placed, bound: number): Float32Array {
  const values = new Float32Array(elementCount(shape))
  uniform(values)
  for (let i = 0; i < values.length; i++) values[i] = (2 * values[i]! - 1) * bound
  return values
}

function bell({ shape, uniform }: Placed, deviation: number): Float32Array {
  const count = elementCount(shape)
  const values = new Float32Array(count + (count % 2))
  uniform(values)
  for (let i = 0; i < values.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - values[i]!))
    const angle = 2 * Math.PI * values[i + 1]!
    values[i] = radius * Math.cos(angle)
    values[i + 1] = radius * Math.sin(angle)
  }
  return values.subarray(0, count)
}
