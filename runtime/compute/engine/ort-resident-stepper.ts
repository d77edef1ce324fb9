import type * as Ort from 'onnxruntime-node'
import { invariant } from '../../base/errors.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import { emit } from '../graph/build/emit.ts'
import { GraphBuilder } from '../graph/build/graph-builder.ts'
import { writeModel } from '../graph/onnx/model.ts'
import { toOrt } from './ort-value.ts'
import type { Stepper, StepperInit } from './stepper.ts'

type Values = Readonly<Record<string, Ort.Tensor>>

/** Where an output is left: in this process's memory, or on the card. */
export type Place = 'cpu' | 'gpu-buffer'

/** A graph that was loaded for outputs in certain places. */
export interface PlacedGraph {
  /**
   * Outputs go to memory of their own where `fetches` has null for them; else to what it has, if no output of the graph stays on the
   * card. Throws `engine.*`.
   */
  run(feeds: Values, fetches: Readonly<Record<string, Ort.Tensor | null>>): Promise<Values>
  release(): Promise<void>
}

/** What an {@link OrtResidentStepper} runs on. */
export interface OrtResidentStepperInit extends StepperInit {
  readonly Tensor: Ort.TensorConstructor
  /** Loads a graph, by default the step itself. */
  readonly load: (places: Readonly<Record<string, Place>>, graph?: Uint8Array) => Promise<PlacedGraph>
}

/**
 * Steps whose state stays on the card: a step brings its batch there and its metrics back, and nothing else. Each tensor that
 * crosses costs a wait for the card (measured on an H100 through WebGPU: 1.5 to 4 ms a tensor). {@link settle} brings the state
 * here: onnxruntime 1.30 has no other way to read from the card than a graph that gives what it is given.
 */
export class OrtResidentStepper implements Stepper {
  readonly #init: OrtResidentStepperInit
  /** The state as it was settled last, or written since. */
  readonly #host: readonly Tensor[]
  #frozen: Values = {}
  /** The present state on the card; none before the first step, and after a write. */
  #card: Values | undefined
  #isSettled = true
  #graphs: Promise<{ readonly step: PlacedGraph; readonly copy: PlacedGraph }> | undefined

  constructor(init: OrtResidentStepperInit) {
    this.#init = init
    this.#host = init.state.map(({ tensor }) => ({ ...tensor, data: new Uint8Array(tensor.data) }))
  }

  async step(inputs: NamedTensors): Promise<readonly number[]> {
    const { state, metrics, Tensor } = this.#init
    const { step } = await this.#loaded()
    const present = this.#card ?? Object.fromEntries(state.map(({ name }, i) => [name, this.#value(name, i)]))
    const given = Object.entries(inputs).map(([name, tensor]) => [name, toOrt(name, tensor, Tensor)])
    const fetches = Object.fromEntries([...state.map(({ next }) => next), ...metrics].map((name) => [name, null]))
    const outputs = await step.run({ ...this.#frozen, ...present, ...Object.fromEntries(given) }, fetches)
    this.#leave(Object.fromEntries(state.map(({ name, next }) => [name, outputs[next]!])))
    this.#isSettled = false
    return metrics.map((name) => Number(outputs[name]!.data[0]))
  }

  async settle(): Promise<void> {
    if (this.#isSettled) return
    const { state } = this.#init
    const { copy } = await this.#loaded()
    const fetches = Object.fromEntries(state.map(({ name }, i) => [`${name}.here`, this.#value(name, i)]))
    await copy.run(this.#card!, fetches)
    this.#isSettled = true
  }

  state(): readonly Tensor[] {
    invariant(this.#isSettled, 'a state is settled before it is read')
    return this.#host
  }

  write(tensor: number, bytes: Uint8Array): void {
    this.state()[tensor]!.data.set(bytes)
    this.#leave(undefined)
  }

  end(): void {
    this.#leave(undefined)
    for (const value of Object.values(this.#frozen)) value.dispose()
    void this.#graphs?.then(({ step, copy }) => Promise.all([step.release(), copy.release()])).catch(() => {})
  }

  /** What is on the card from here on; what was there before is freed. */
  #leave(next: Values | undefined): void {
    for (const value of Object.values(this.#card ?? {})) value.dispose()
    this.#card = next
  }

  #value(name: string, i: number): Ort.Tensor {
    return toOrt(name, this.#host[i]!, this.#init.Tensor)
  }

  #loaded() {
    this.#graphs ??= this.#load()
    return this.#graphs
  }

  async #load() {
    const { load, state, frozen, metrics, Tensor } = this.#init
    const step = await load({
      ...Object.fromEntries(state.map(({ next }) => [next, 'gpu-buffer' as const])),
      ...Object.fromEntries(metrics.map((name) => [name, 'cpu' as const])),
    })
    const tensors = Object.fromEntries(state.map(({ name }, i) => [name, this.#host[i]!]))
    const copy = await load({}, copyOf(tensors))
    const names = Object.keys(frozen)
    if (names.length > 0) {
      const there = await load(Object.fromEntries(names.map((name) => [`${name}.here`, 'gpu-buffer'])), copyOf(frozen))
      const values = Object.fromEntries(names.map((name) => [name, toOrt(name, frozen[name]!, Tensor)]))
      const outputs = await there.run(values, Object.fromEntries(names.map((name) => [`${name}.here`, null])))
      await there.release()
      this.#frozen = Object.fromEntries(names.map((name) => [name, outputs[`${name}.here`]!]))
    }
    return { step, copy }
  }
}

/** A graph that gives each tensor as it is, with `.here` after its name. */
function copyOf(tensors: NamedTensors): Uint8Array {
  const g = new GraphBuilder('portable')
  const outputs = Object.entries(tensors).map(([name, { dtype, shape }]) => [
    `${name}.here`,
    g.input(name, { dtype, shape }),
  ])
  return writeModel(emit(g, { outputs: Object.fromEntries(outputs), keepInputs: true }))
}
