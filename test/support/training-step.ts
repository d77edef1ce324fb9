import { STEP_METADATA_KEY, type StepSignature } from '../../runtime/compute/graph/training/step-signature.ts'
import type { NamedTensors, Tensor } from '../../runtime/data/tensor/tensor.ts'
import { field, floats, model, tensor, value } from './onnx-models.ts'

/** How large a {@link linearStep} is. */
export interface LinearStepInit {
  readonly batch?: number
  readonly features?: number
  /** Probability that a feature is kept: then the step takes a mask. Default: no mask. */
  readonly keep?: number
  /** What the signature says of the range of `y`. Default: nothing. */
  readonly below?: number
}

/**
 * A training step written by hand: linear regression `y = x w` by the mean of squares, SGD with momentum 0.9. State:
 * `w` and its momentum `v`, `[features, 1] f32`; batch: `x [batch, features]`, `y [batch, 1]`; metrics: `loss`, `norm`.
 */
export function linearStep({ batch = 4, features = 3, keep, below }: LinearStepInit = {}): Uint8Array {
  const weights = [features, 1]
  const signature: StepSignature = {
    version: 1,
    state: [
      { name: 'w', next: 'w.next', dtype: 'float32', shape: weights, role: 'parameter' },
      { name: 'v', next: 'v.next', dtype: 'float32', shape: weights, role: 'optimizer' },
    ],
    frozen: [],
    batch: [
      { name: 'x', dtype: 'float32', shape: [batch, features] },
      { name: 'y', dtype: 'float32', shape: [batch, 1], ...(below !== undefined && { below }) },
    ],
    masks: keep === undefined ? [] : [{ name: 'mask', shape: [batch, features], keep }],
    scalars: { learningRate: 'lr' },
    metrics: ['loss', 'norm'],
  }
  const x = keep === undefined ? 'x' : 'kept'
  const entry = [field(1, STEP_METADATA_KEY), field(2, JSON.stringify(signature))]
  const graph = {
    nodes: [
      ...(keep === undefined
        ? []
        : [
            { op: 'Cast', inputs: ['mask'], outputs: ['mask.f32'], attributes: { to: 1 } },
            { op: 'Mul', inputs: ['x', 'mask.f32'], outputs: ['kept'] },
          ]),
      { op: 'MatMul', inputs: [x, 'w'], outputs: ['p'] },
      { op: 'Sub', inputs: ['p', 'y'], outputs: ['e'] },
      { op: 'Mul', inputs: ['e', 'e'], outputs: ['e2'] },
      { op: 'ReduceMean', inputs: ['e2'], outputs: ['loss'], attributes: { keepdims: 0 } },
      { op: 'Gemm', inputs: [x, 'e'], outputs: ['g'], attributes: { transA: 1, alpha: { float: 2 / batch } } },
      { op: 'Mul', inputs: ['g', 'g'], outputs: ['g2'] },
      { op: 'ReduceSum', inputs: ['g2'], outputs: ['norm'], attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['v', 'momentum'], outputs: ['v.kept'] },
      { op: 'Add', inputs: ['v.kept', 'g'], outputs: ['v.next'] },
      { op: 'Mul', inputs: ['v.next', 'lr'], outputs: ['change'] },
      { op: 'Sub', inputs: ['w', 'change'], outputs: ['w.next'] },
    ],
    inputs: [
      value('w', 'float32', weights),
      value('v', 'float32', weights),
      value('x', 'float32', [batch, features]),
      value('y', 'float32', [batch, 1]),
      ...(keep === undefined ? [] : [value('mask', 'uint8', [batch, features])]),
      value('lr', 'float32', []),
    ],
    outputs: [
      value('w.next', 'float32', weights),
      value('v.next', 'float32', weights),
      value('loss', 'float32', []),
      value('norm', 'float32', []),
    ],
    initializers: [tensor('momentum', 'float32', [], floats(0.9))],
  }
  return model(graph, [field(14, entry)])
}

/** The evaluation that goes with a {@link linearStep}: the loss of a batch of any size, `w` from the state. */
export function linearEvaluation(features = 3): Uint8Array {
  return model({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['p'] },
      { op: 'Sub', inputs: ['p', 'y'], outputs: ['e'] },
      { op: 'Mul', inputs: ['e', 'e'], outputs: ['e2'] },
      { op: 'ReduceMean', inputs: ['e2'], outputs: ['loss'], attributes: { keepdims: 0 } },
    ],
    inputs: [
      value('w', 'float32', [features, 1]),
      value('x', 'float32', ['n', features]),
      value('y', 'float32', ['n', 1]),
    ],
    outputs: [value('loss', 'float32', [])],
  })
}

/** Zeros to begin with. */
export function linearState(features = 3): { readonly w: Tensor; readonly v: Tensor } {
  const zeros = (): Tensor => ({ dtype: 'float32', shape: [features, 1], data: new Uint8Array(4 * features) })
  return { w: zeros(), v: zeros() }
}

/** Rows of `y = x . (1, 2, ...)`, the `x` a fixed sequence between -1 and 1. */
export function linearRows(rows: number, features = 3): NamedTensors {
  const x = Float32Array.from({ length: rows * features }, (_, i) => Math.sin(12.9898 * (i + 1)))
  const y = Float32Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let i = 0; i < features; i++) sum += x[row * features + i]! * (i + 1)
    return sum
  })
  const bytes = (values: Float32Array) => new Uint8Array(values.buffer)
  return {
    x: { dtype: 'float32', shape: [rows, features], data: bytes(x) },
    y: { dtype: 'float32', shape: [rows, 1], data: bytes(y) },
  }
}

/** The same step in plain arithmetic of doubles, to hold an engine against; gives the loss before it. */
export function plainLinearStep(
  state: { w: number[]; v: number[] },
  x: readonly (readonly number[])[],
  y: readonly number[],
  lr: number,
): number {
  const e = x.map((row, i) => row.reduce((sum, value, j) => sum + value * state.w[j]!, 0) - y[i]!)
  state.v = state.v.map((v, j) => 0.9 * v + (2 / x.length) * x.reduce((sum, row, i) => sum + row[j]! * e[i]!, 0))
  state.w = state.w.map((w, j) => w - lr * state.v[j]!)
  return e.reduce((sum, value) => sum + value * value, 0) / x.length
}
