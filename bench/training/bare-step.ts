import type { EngineSession, StepFeed } from '../../runtime/compute/engine/index.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import type { TrainingStep } from '../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../runtime/data/tensor/index.ts'

type Stepper = ReturnType<NonNullable<EngineSession['stepper']>>

/** Some steps of ours, as fast as the engine in this process goes. */
export interface BareSteps {
  readonly seconds: number
  readonly losses: readonly number[]
}

/** A training step on onnxruntime in this process: no child, no data to gather, nothing committed. */
export class BareTraining {
  readonly #session: EngineSession
  readonly #stepper: Stepper
  readonly #feeds: readonly NamedTensors[]
  #next = 0

  private constructor(session: EngineSession, stepper: Stepper, feeds: readonly NamedTensors[]) {
    this.#session = session
    this.#stepper = stepper
    this.#feeds = feeds
  }

  /** Steps go round `feeds`. */
  static async start(
    { step, signature, initialState, frozen }: TrainingStep,
    feeds: readonly StepFeed[],
  ): Promise<BareTraining> {
    const session = await new OnnxRuntimeEngine().load({ graph: step })
    const initial = initialState()
    const stepper = session.stepper!({
      state: signature.state.map(({ name, next }) => ({ name, next, tensor: initial[name]! })),
      frozen: frozen(),
      metrics: signature.metrics,
    })
    return new BareTraining(session, stepper, feeds.map(inputsOf))
  }

  async steps(count: number): Promise<BareSteps> {
    const losses: number[] = []
    const start = performance.now()
    for (let i = 0; i < count; i++) {
      const [loss] = await this.#stepper.step(this.#feeds[this.#next++ % this.#feeds.length]!)
      losses.push(loss!)
    }
    return { seconds: (performance.now() - start) / 1_000, losses }
  }

  async stop(): Promise<void> {
    this.#stepper.end()
    await this.#session.close()
  }
}

function inputsOf({ tensors, scalars }: StepFeed): NamedTensors {
  const numbers = Object.entries(scalars).map(([name, value]) => [name, tensorOf(Float32Array.of(value), [])] as const)
  return { ...tensors, ...Object.fromEntries(numbers) }
}
