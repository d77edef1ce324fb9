import type * as Ort from 'onnxruntime-node'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import { toOrt } from './ort-value.ts'
import type { Stepper, StepperInit } from './stepper.ts'

/** What an {@link OrtStepper} runs on. */
export interface OrtStepperInit extends StepperInit {
  readonly Tensor: Ort.TensorConstructor
  /** Runs the session, outputs going to the memory of `fetches`. Throws `engine.run-failed`, `engine.out-of-memory`. */
  readonly run: (
    feeds: Ort.InferenceSession.FeedsType,
    fetches: Ort.InferenceSession.OnnxValueMapType,
  ) => Promise<unknown>
}

/**
 * Steps whose outputs go to memory that was set aside: two buffers for each tensor of the state, one read while the other
 * is written, so that no step allocates and none copies.
 */
export class OrtStepper implements Stepper {
  readonly #init: OrtStepperInit
  readonly #frozen: Ort.InferenceSession.FeedsType
  readonly #metrics: { readonly values: Float32Array; readonly fetch: Ort.Tensor }[]
  readonly #sides: readonly [Side, Side]
  #present: 0 | 1 = 0

  constructor(init: OrtStepperInit) {
    this.#init = init
    const { state, frozen, metrics, Tensor } = init
    this.#frozen = Object.fromEntries(
      Object.entries(frozen).map(([name, tensor]) => [name, toOrt(name, tensor, Tensor)]),
    )
    this.#metrics = metrics.map(() => {
      const values = new Float32Array(1)
      return { values, fetch: new Tensor('float32', values, []) }
    })
    const first = state.map(({ tensor }) => aligned(tensor))
    const second = first.map(({ dtype, shape, data }) => ({ dtype, shape, data: room(data.byteLength) }))
    this.#sides = [this.#side(first), this.#side(second)]
  }

  async step(inputs: NamedTensors): Promise<readonly number[]> {
    const { Tensor, run } = this.#init
    const feeds = { ...this.#frozen, ...this.#sides[this.#present].feeds }
    for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrt(name, tensor, Tensor)
    await run(feeds, this.#sides[1 - this.#present]!.fetches)
    this.#present = this.#present === 0 ? 1 : 0
    return this.#metrics.map(({ values }) => values[0]!)
  }

  state(): readonly Tensor[] {
    return this.#sides[this.#present].tensors
  }

  write(tensor: number, bytes: Uint8Array): void {
    this.#sides[this.#present].tensors[tensor]!.data.set(bytes)
  }

  end(): void {
    for (const { tensors } of this.#sides) for (const { data } of tensors) (data.buffer as ArrayBuffer).transfer(0)
  }

  #side(tensors: readonly Tensor[]): Side {
    const { state, metrics, Tensor } = this.#init
    const values = state.map(({ name }, i) => toOrt(name, tensors[i]!, Tensor))
    return {
      tensors,
      feeds: Object.fromEntries(state.map(({ name }, i) => [name, values[i]!])),
      fetches: Object.fromEntries([
        ...state.map(({ next }, i) => [next, values[i]!]),
        ...metrics.map((name, i) => [name, this.#metrics[i]!.fetch]),
      ]),
    }
  }
}

/** The state in one of its two places. */
interface Side {
  readonly tensors: readonly Tensor[]
  readonly feeds: Ort.InferenceSession.FeedsType
  readonly fetches: Ort.InferenceSession.OnnxValueMapType
}

/** A buffer of its own begins where vector loops like it. */
function room(sizeBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
}

/** The tensor, at the start of a buffer of its own unless it is there already: what an engine writes to must not move. */
function aligned(tensor: Tensor): Tensor {
  const { data } = tensor
  const isOwn = data.byteOffset === 0 && data.byteLength === data.buffer.byteLength
  return isOwn ? tensor : { ...tensor, data: new Uint8Array(data) }
}
