import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { type Loss, type Optimizer, type TrainingInit, trainingStep } from '../../runtime/compute/graph/index.ts'
import { elementCount } from '../../runtime/data/tensor/check.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { someNumbers } from './gradient-check.ts'

/** A model whose gradients are to be checked, and a batch to check them on. */
export interface ModelCase
  extends Pick<TrainingInit, 'model' | 'inputs' | 'batchSize' | 'prepare' | 'target' | 'seed'> {
  readonly batch: NamedTensors
  /** Default: {@link weightedMean}. */
  readonly loss?: Loss
  /** Largest difference allowed, as a share of the gradient's norm. Default: 3e-3. */
  readonly tolerance?: number
}

/** Gives the gradients in place of the next parameters. */
const revealing: Optimizer = (_, trained) => trained.map(({ gradient }) => gradient)

/** The mean of the output, each element times a weight of its own, so that errors do not cancel. */
export const weightedMean: Loss = ({ g }, { output }) => {
  const weights = Float32Array.from(someNumbers(elementCount(output!.shape), 7))
  return { loss: g.mean(g.mul(output!, g.constant(tensorOf(weights, output!.shape))), undefined, false) }
}

/** Ways to go, as shares of a unit: a kink near one of them, or the rounding of another, does not hide that a third agrees. */
const STEPS = [3e-2, 1e-2, 3e-3, 1e-3, 3e-4]

/**
 * Compares the gradient of each parameter along two random directions with central differences of the loss, which the
 * step itself computes, in f32; fails with the parameter and the numbers. Gives how many parameters have a
 * gradient that is not zero.
 */
export async function checkModelGradients(
  what: string,
  { batch, loss = weightedMean, tolerance = 3e-3, ...model }: ModelCase,
): Promise<number> {
  const built = trainingStep({ ...model, loss, optimizer: revealing, metrics: [] })
  const session = await new OnnxRuntimeEngine().load({ graph: built.step })
  const { signature } = built
  const masks = Object.fromEntries(
    signature.masks.map(({ name, shape, keep }, at) => [name, maskOf(shape, keep, at + 3)]),
  )
  const state = apartFromZero(built.initialState())
  const feeds = { ...built.frozen(), ...batch, ...masks, learningRate: tensorOf(Float32Array.of(0), []) }
  try {
    const outputs = await session.run({ ...state, ...feeds })
    const lossAt = async (name: string, moved: Float32Array) => {
      const found = await session.run({
        ...state,
        ...feeds,
        [name]: { ...state[name]!, data: new Uint8Array(moved.buffer) },
      })
      return f32(found.loss!)[0]!
    }
    const learned = signature.state.filter(({ role }) => role === 'parameter' || role === 'adapter')
    const gradients = learned.map(({ next }) => f32(outputs[next]!))
    const total = Math.hypot(...gradients.map(norm))
    for (const [at, { name }] of learned.entries()) {
      const gradient = gradients[at]!
      const begin = f32(state[name]!)
      const scale = Math.max(norm(gradient), 1e-2 * total, 2e-2) // a loss near 1 is rounded at 1e-7
      for (const seed of [11, 12]) {
        const direction = someNumbers(begin.length, seed + 17 * at).map(Math.sign)
        const analytic = direction.reduce((sum, sign, i) => sum + sign * gradient[i]!, 0)
        const found: number[] = []
        for (const unit of STEPS) {
          const step = unit / Math.sqrt(begin.length)
          const shifted = (by: number) =>
            lossAt(
              name,
              begin.map((value, i) => value + by * direction[i]!),
            )
          const numeric = ((await shifted(step)) - (await shifted(-step))) / (2 * step)
          found.push(numeric)
          if (Math.abs(numeric - analytic) <= tolerance * scale) break
        }
        assert.ok(
          Math.abs(found.at(-1)! - analytic) <= tolerance * scale,
          `${what}: the gradient of ${name} is ${analytic} along a direction, differences are ${found.join(', ')}, its norm ${norm(gradient)}`,
        )
      }
    }
    return gradients.filter((gradient) => norm(gradient) > 0).length
  } finally {
    await session.close()
  }
}

/** Zeros and ones that look random. */
function maskOf(shape: readonly number[], keep: number, seed: number): Tensor {
  const numbers = someNumbers(elementCount(shape), seed)
  return tensorOf(
    Uint8Array.from(numbers, (x) => ((x + 1) / 2 < keep ? 1 : 0)),
    shape,
  )
}

/** What layers begin at 0 - biases, the second half of an adapter - a little away from it: else much has no gradient. */
function apartFromZero(state: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor], at) => {
      const values = f32(tensor)
      if (values.some((value) => value !== 0)) return [name, tensor]
      return [
        name,
        tensorOf(
          Float32Array.from(someNumbers(values.length, at + 40), (x) => 0.3 * x),
          tensor.shape,
        ),
      ]
    }),
  )
}

function norm(values: Float32Array): number {
  return Math.hypot(...values)
}

function f32(tensor: Tensor): Float32Array {
  return typedArrayOf(tensor) as Float32Array
}
