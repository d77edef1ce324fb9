import type { AividaError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import type { ModelReport } from '../model/scan.ts'
import type { TensorSpec } from '../model/tensor-spec.ts'

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
  /** Execution provider: `cpu`, `webgpu`, `cuda`. Default: `cpu`. */
  readonly provider?: string
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
  /** Frees the model; later runs throw `engine.closed`. */
  close(): Promise<void>
}

/** What computes: its build names it in a determinism class. */
export interface EngineInfo {
  /** Short name: `ort`. */
  readonly name: string
  readonly version: string
}

/** The port behind which graphs are run. To add an engine, implement it and pass `test/conformance/engine.ts`. */
export interface Engine {
  info(): Promise<EngineInfo>
  /**
   * Scans and loads a model. Throws `model.missing`, `model.unreadable`, `model.not-onnx`, `model.refused`,
   * `model.invalid`, `aborted`; a child also `engine.timeout`, `engine.out-of-memory`, `engine.died`, `engine.busy`.
   */
  load(source: ModelSource, options?: LoadOptions): Promise<EngineSession>
}
