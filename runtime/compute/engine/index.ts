/**
 * Engines run graphs. The port is `engine.ts`; onnxruntime serves it in this process (`onnxruntime.ts`: CPU, WebGPU and
 * CUDA by its native build, WebAssembly elsewhere) and, for anybody else's models, in a child that may be killed at any
 * time (`child/`). To add an engine, implement the port and
 * call `test/conformance/engine.ts` from its test.
 */

export type {
  ChildReplica,
  ContributionForm,
  MergedRounds,
  ReducedSlice,
  ReplicaBeginning,
  SliceReduction,
} from './child/child-replica.ts'
export type { ChildSession } from './child/child-session.ts'
export type {
  ChildTraining,
  StepFeed,
  StepGroup,
  Stepped,
  SteppedModel,
  SteppingOptions,
} from './child/child-training.ts'
export {
  type ChildSettings,
  type Command,
  ENGINE_CHOICES,
  type EngineChoice,
  engineCommand,
  gpuEnvironment,
} from './child/command.ts'
export type { Exit } from './child/endings.ts'
export { AHEAD, EngineChild, type EngineChildInit } from './child/engine-child.ts'
export { EnginePool, type EnginePoolInit, type LentEngine, type PoolKey } from './child/pool.ts'
export { type EngineProcess, spawnEngine } from './child/process.ts'
export type { Content, TensorSource } from './child/tensor-source.ts'
export type * from './engine.ts'
export { type SplitForm, SplitStepper, type SplitStepperInit } from './split-stepper.ts'
