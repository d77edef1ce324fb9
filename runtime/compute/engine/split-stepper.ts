import { invariant } from '../../base/errors.ts'
import { elementCount } from '../../data/tensor/check.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import type { EngineSession } from './engine.ts'
import { RunStepper, scalarOf } from './run-stepper.ts'
import type { Stepper, StepperInit } from './stepper.ts'

/** How a step's two graphs fit together: numbers are those of tensors of the state. */
export interface SplitForm {
  /** Of each tensor that is trained, in order: the output of the gradient's graph, and the input of the update's. */
  readonly gradients: readonly { readonly tensor: number; readonly gives: string; readonly takes: string }[]
  /** Tensors that the gradient's graph brings up to date: their `next` is an output of it. */
  readonly statistics: readonly number[]
}

/** What a {@link SplitStepper} is made of; its metrics are those of the gradient's graph. */
export interface SplitStepperInit extends StepperInit, SplitForm {
  readonly gradient: EngineSession
  readonly update: EngineSession
}

/**
 * A training step in two halves, between which others' gradients come in: {@link step} computes gradients and changes
 * nothing, {@link apply} makes a step of what became of them. Flattened they are f32, trained tensors first, then statistics,
 * of which not a gradient but the next value is given.
 */
export class SplitStepper implements Stepper {
  readonly #init: SplitStepperInit
  /** Of all but the statistics. */
  readonly #own: Stepper
  readonly #ownNumbers: readonly number[]
  readonly #statistics = new Map<number, Tensor>()
  /** What is flattened, in order. */
  readonly #flat: readonly { readonly tensor: number; readonly gives: string; readonly size: number }[]
  /** Sums over the batches since {@link take}. */
  readonly #sum: Float32Array
  #batches = 0

  constructor(init: SplitStepperInit) {
    this.#init = init
    const { state, update, statistics } = init
    this.#ownNumbers = [...state.keys()].filter((number) => !statistics.includes(number))
    const own = { state: this.#ownNumbers.map((number) => state[number]!), frozen: {}, metrics: [] }
    this.#own = update.stepper?.(own) ?? new RunStepper(update, own)
    for (const number of statistics) this.#statistics.set(number, state[number]!.tensor)
    this.#flat = [...init.gradients, ...statistics.map((tensor) => ({ tensor, gives: state[tensor]!.next }))].map(
      (each) => ({ ...each, size: elementCount(state[each.tensor]!.tensor.shape) }),
    )
    this.#sum = new Float32Array(this.#flat.reduce((sum, { size }) => sum + size, 0))
  }

  /** Elements of the flattened state. */
  get length(): number {
    return this.#sum.length
  }

  /** Tensors of the state that are flattened, in order. */
  get shared(): readonly number[] {
    return this.#flat.map(({ tensor }) => tensor)
  }

  /** Adds the gradients of a batch to those since {@link take}; gives the metrics. The state stays as it is. */
  async step(inputs: NamedTensors): Promise<readonly number[]> {
    const { gradient, frozen, metrics, state } = this.#init
    const taken = new Set(gradient.inputs.map(({ name }) => name))
    const present = this.state().flatMap((tensor, i) =>
      taken.has(state[i]!.name) ? [[state[i]!.name, tensor] as const] : [],
    )
    const outputs = await gradient.run({ ...Object.fromEntries(present), ...frozen, ...inputs })
    let at = 0
    for (const { gives, size } of this.#flat) {
      const { buffer, byteOffset } = outputs[gives]!.data
      const values = new Float32Array(buffer, byteOffset, size)
      if (this.#batches === 0) this.#sum.set(values, at)
      else for (let i = 0; i < size; i++) this.#sum[at + i]! += values[i]!
      at += size
    }
    this.#batches++
    return metrics.map((name) => scalarOf(outputs[name]))
  }

  /** Leaves out of the next gradient what was seen so far. */
  forget(): void {
    this.#batches = 0
  }

  /** The mean over the batches since the last call, flattened: a view, good until the next step. */
  take(): Float32Array {
    invariant(this.#batches > 0, 'a batch was seen')
    if (this.#batches > 1) {
      const share = Math.fround(1 / this.#batches)
      for (let i = 0; i < this.#sum.length; i++) this.#sum[i]! *= share
    }
    this.#batches = 0
    return this.#sum
  }

  /** Makes a step of flattened gradients. Throws as {@link EngineSession.run} does. */
  async apply(flat: Float32Array, scalars: NamedTensors): Promise<void> {
    const { gradients, state } = this.#init
    const inputs: Record<string, Tensor> = { ...scalars }
    let at = 0
    for (const [i, { tensor, size }] of this.#flat.entries()) {
      const data = bytesOf(flat.subarray(at, at + size))
      const takes = gradients[i]?.takes
      if (takes !== undefined) inputs[takes] = { dtype: 'float32', shape: state[tensor]!.tensor.shape, data }
      else this.write(tensor, data)
      at += size
    }
    await this.#own.step(inputs)
  }

  state(): readonly Tensor[] {
    const own = this.#own.state()
    const all = new Map(this.#ownNumbers.map((number, i) => [number, own[i]!]))
    return this.#init.state.map((_, number) => this.#statistics.get(number) ?? all.get(number)!)
  }

  write(number: number, bytes: Uint8Array): void {
    const statistic = this.#statistics.get(number)
    if (statistic) this.#statistics.set(number, { ...statistic, data: bytes.slice() })
    else this.#own.write(this.#ownNumbers.indexOf(number), bytes)
  }

  end(): void {
    this.#own.end()
    this.#statistics.clear()
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}
