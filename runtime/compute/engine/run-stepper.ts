import { invariant } from '../../base/errors.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import type { EngineSession } from './engine.ts'
import type { Stepper, StepperInit } from './stepper.ts'

/** Steps by plain runs: for engines that give outputs in memory of their own. */
export class RunStepper implements Stepper {
  readonly #session: EngineSession
  readonly #init: StepperInit
  #state: readonly Tensor[]

  constructor(session: EngineSession, init: StepperInit) {
    this.#session = session
    this.#init = init
    this.#state = init.state.map(({ tensor }) => tensor)
  }

  async step(inputs: NamedTensors): Promise<readonly number[]> {
    const { state, frozen, metrics } = this.#init
    const present = state.map(({ name }, i) => [name, this.#state[i]!])
    const outputs = await this.#session.run({ ...Object.fromEntries(present), ...frozen, ...inputs })
    this.#state = state.map(({ next }) => outputs[next]!)
    return metrics.map((name) => scalarOf(outputs[name]))
  }

  state(): readonly Tensor[] {
    return this.#state
  }

  /** In memory of its own: that of an output may be the engine's, or another output's too. */
  write(tensor: number, bytes: Uint8Array): void {
    this.#state = this.#state.with(tensor, { ...this.#state[tensor]!, data: bytes.slice() })
  }

  end(): void {
    this.#state = []
  }
}

/** The one element of an f32 tensor. */
export function scalarOf(tensor: Tensor | undefined): number {
  invariant(tensor?.dtype === 'float32' && tensor.data.byteLength === 4, 'a metric is one f32')
  return new DataView(tensor.data.buffer, tensor.data.byteOffset, 4).getFloat32(0, true)
}
