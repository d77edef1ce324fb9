import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'

/** A tensor that a step reads as the input `name` and gives back changed as the output `next`. */
export interface StepState {
  readonly name: string
  readonly next: string
  readonly tensor: Tensor
}

/** What a loaded training step begins with. */
export interface StepperInit {
  /** The stepper owns these bytes from here on, and changes them. */
  readonly state: readonly StepState[]
  /** Inputs that no step changes. */
  readonly frozen: NamedTensors
  /** Scalar f32 outputs to give back from each step. */
  readonly metrics: readonly string[]
  /** Whether the state may stay where it is computed, so that {@link Stepper.settle} is called before it is read. Default: false. */
  readonly resident?: boolean
}

/**
 * A training step that is run again and again, its state kept from one run to the next. In this process, and busy while
 * it computes; a child has one for each model that it trains.
 */
export interface Stepper {
  /**
   * One step. Gives the metrics, in their order. Throws as `EngineSession.run` does; the state is then that of the
   * step before.
   */
  step(inputs: NamedTensors): Promise<readonly number[]>
  /** Brings the present state to where {@link state} and {@link write} find it. Absent where it is always there. */
  settle?(): Promise<void>
  /** The present state, in order: views, good until the next step. */
  state(): readonly Tensor[]
  /** Overwrites one tensor of the present state with as many bytes. They are copied. */
  write(tensor: number, bytes: Uint8Array): void
  /** Frees the state at once: the next one may need the room before a collector comes by. */
  end(): void
}
