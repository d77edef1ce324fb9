import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { EngineSession } from '../engine.ts'
import type { Stepper } from '../stepper.ts'
import type { GradientReplica } from './gradient-replica.ts'
import type { Reply, Request } from './messages.ts'
import type { Replica } from './replica.ts'

/** Requests that are about a training. */
export type TrainingRequest = Exclude<Request, { op: 'load' | 'run' | 'close' | 'reduce' }>

/** A reply and its parts. */
export type Answer = [Reply, readonly Uint8Array[]]
/** A request of this name. */
export type Asked<O extends TrainingRequest['op']> = Extract<TrainingRequest, { op: O }>

/** A model in training. */
export interface Training {
  readonly session: EngineSession
  readonly stepper: Stepper
  /** Of the state's tensors, in order. */
  readonly names: readonly string[]
  readonly frozen: NamedTensors
  /** Whether a step's inputs were held against the graph; the engine itself looks at those that follow. */
  checked: boolean
  /** When it is one of many. */
  replica?: Replica | GradientReplica
  /** Why a step failed: those that were sent after it must not be run on the state before it. */
  failed: unknown
}
