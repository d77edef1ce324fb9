import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { RunStepper } from '../../runtime/compute/engine/run-stepper.ts'
import type { TrainingStep } from '../../runtime/compute/graph/index.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { someNumbers } from './gradient-check.ts'

/** What {@link train} gives. */
export interface Trained {
  /** Of each step, by name. */
  readonly metrics: readonly Readonly<Record<string, number>>[]
  readonly losses: readonly number[]
  /** After the last step. */
  readonly state: NamedTensors
}

/** Takes steps in this process, one a batch. Masks are the `masks` given, or all ones. */
export async function train(
  { step, signature, initialState, frozen }: TrainingStep,
  batches: readonly NamedTensors[],
  { learningRate = 0.1, masks = {} }: { learningRate?: number; masks?: NamedTensors } = {},
): Promise<Trained> {
  const session = await new OnnxRuntimeEngine().load({ graph: step })
  try {
    const initial = initialState()
    const stepper = new RunStepper(session, {
      state: signature.state.map(({ name, next }) => ({ name, next, tensor: initial[name]! })),
      frozen: frozen(),
      metrics: signature.metrics,
    })
    const ones = signature.masks.map(
      ({ name, shape }) => [name, tensorOf(new Uint8Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape)] as const,
    )
    const metrics: Record<string, number>[] = []
    for (const [i, batch] of batches.entries()) {
      const scalars = {
        ...(signature.scalars.learningRate !== undefined && { [signature.scalars.learningRate]: scalar(learningRate) }),
        ...(signature.scalars.step !== undefined && { [signature.scalars.step]: scalar(i + 1) }),
      }
      const found = await stepper.step({ ...batch, ...Object.fromEntries(ones), ...masks, ...scalars })
      metrics.push(Object.fromEntries(signature.metrics.map((name, at) => [name, found[at]!])))
    }
    const state = stepper.state().map((tensor, i) => [signature.state[i]!.name, copied(tensor)] as const)
    return { metrics, losses: metrics.map(({ loss }) => loss!), state: Object.fromEntries(state) }
  } finally {
    await session.close()
  }
}

/** An f32 tensor of numbers from -1 to 1 that look random. */
export function someTensor(shape: readonly number[], seed = 1): Tensor {
  return tensorOf(
    Float32Array.from(
      someNumbers(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
    ),
    shape,
  )
}

/** Labels from 0 to `classes - 1` that look random. */
export function someLabels(shape: readonly number[], classes: number, seed = 1): Tensor {
  const numbers = someNumbers(
    shape.reduce((a, b) => a * b, 1),
    seed,
  )
  return tensorOf(
    BigInt64Array.from(numbers, (x) => BigInt(Math.floor(((x + 1) / 2) * classes))),
    shape,
  )
}

/** The numbers of an f32 tensor. */
export function numbersOf(tensor: Tensor | undefined): Float32Array {
  return typedArrayOf(tensor!) as Float32Array
}

function scalar(value: number): Tensor {
  return tensorOf(Float32Array.of(value), [])
}

function copied(tensor: Tensor): Tensor {
  return { ...tensor, data: tensor.data.slice() }
}
