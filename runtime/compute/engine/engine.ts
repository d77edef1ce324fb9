import type { AividaError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import type { ExecutionProvider } from '../../protocol/requirements.ts'
import type { ModelReport } from '../model/scan.ts'
import type { TensorSpec } from '../model/tensor-spec.ts'
import type { Stepper, StepperInit } from './stepper.ts'

/** A file of a model: its bytes, or where to read them. A descriptor is read from its start and stays open. */
export type ModelFile = Uint8Array | { readonly path: string } | { readonly fd: number }

/** A model as it is handed to an engine. */
export interface ModelSource {
  /** The ONNX file. */
  readonly graph: ModelFile
  /** External data by the file name that the graph knows it under. Default: none. */
  readonly weights?: Readonly<Record<string, ModelFile>>
}

/** How onnxruntime rewrites a graph when it loads; results differ in their last bits between levels. */
export type OptimizationLevel = 'disabled' | 'basic' | 'extended' | 'layout' | 'all'

/** How to load a model. */
export interface LoadOptions {
  /** What computes. Default: the first of the engine's {@link EngineInfo.providers}. */
  readonly provider?: ExecutionProvider
  /** Which of several GPUs, by the driver's order. Default: 0. */
  readonly deviceIndex?: number
  /** Threads of one run. Default: 1; several slots use a machine better than several threads. */
  readonly threads?: number
  /** Default: `all`. */
  readonly optimization?: OptimizationLevel
  /** Default and upper bound: `engineLoadMs`. Engines in this process can't keep it. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** How to run. */
export interface RunOptions {
  /** Refuse NaN and infinities in the inputs with `tensor.not-finite`. Default: `false`; NaN is a number like any other. */
  readonly finite?: boolean
  /** Default and upper bound: `engineRunMs`. Engines in this process can't keep it. */
  readonly timeoutMs?: number
  /** Calls the run off. A child dies for it, and its sessions with it; an engine in this process only looks before. */
  readonly signal?: AbortSignal
}

/** What one of several runs gave. */
export type RunResult = { readonly outputs: NamedTensors } | { readonly error: AividaError }

/** A loaded model. */
export interface EngineSession {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** What the scan before loading found. */
  readonly report: ModelReport
  /**
   * Runs the graph once. Tensors are not copied when their data starts at a multiple of 16 bytes of its buffer, and must
   * not change meanwhile. Throws `engine.input-missing`, `engine.input-unknown`, `engine.input-dtype`,
   * `engine.input-shape`, `tensor.*` for a malformed one, `tensor.not-finite`, `engine.run-failed`, `engine.closed`, `aborted`; a
   * child also `engine.timeout`, `engine.out-of-memory`, `engine.died`, `engine.busy`.
   */
  run(inputs: NamedTensors, options?: RunOptions): Promise<NamedTensors>
  /**
   * {@link run} for each of these in one call: for runs so short that the way to the engine costs more. Each is run by
   * itself, never joined with others along an axis, since what it gives must not depend on its neighbours. What is wrong
   * with one is its own result; what ends them all is thrown: `engine.closed`, `aborted`; a child also
   * `engine.timeout`, `engine.out-of-memory`, `engine.died`, `engine.busy`. The time limit is that of the whole call.
   */
  runAll(batch: readonly NamedTensors[], options?: RunOptions): Promise<readonly RunResult[]>
  /**
   * Runs the graph again and again as a training step, its state in place. Absent where outputs cannot be put into memory
   * that was set aside, or where the session is in another process.
   */
  stepper?(init: StepperInit): Stepper
  /** Frees the model; later runs throw `engine.closed`. */
  close(): Promise<void>
}

/** What computes: its build names it in a determinism class. */
export interface EngineInfo {
  /** Short name: `ort`. */
  readonly name: string
  readonly version: string
  /**
   * What it was built to compute on, the default first. That a name is here says nothing of the machine: onnxruntime
   * lists `cuda` where there is neither library nor GPU. Only a run proves a device.
   */
  readonly providers: readonly ExecutionProvider[]
}

/** The port behind which graphs are run. To add an engine, implement it and pass `test/conformance/engine.ts`. */
export interface Engine {
  info(): Promise<EngineInfo>
  /**
   * Scans and loads a model. Every node of it will run on the provider that was asked for, or none: `engine.fell-back`
   * where some would have run on the CPU, `engine.no-provider` where the machine lacks the device, its driver or the
   * engine's library for it. Throws also `model.missing`, `model.unreadable`, `model.not-onnx`, `model.refused`,
   * `model.invalid`, `engine.unsupported-op`, `aborted`; a child also `engine.timeout`, `engine.out-of-memory`, `engine.died`, `engine.busy`.
   */
  load(source: ModelSource, options?: LoadOptions): Promise<EngineSession>
}
