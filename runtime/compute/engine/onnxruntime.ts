import type * as Ort from 'onnxruntime-node'
import { aborted, toAividaError, userError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import { readModel } from '../graph/onnx/model.ts'
import { checkFinite } from '../model/finite.ts'
import { type ModelReport, scanModel } from '../model/scan.ts'
import { checkInputs } from '../model/tensor-spec.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource, RunOptions, RunResult } from './engine.ts'
import { readModelFile } from './model-file.ts'
import { engineFailure, loadFailure, noProvider } from './ort-failure.ts'
import { loadOrt, type OrtLibrary, type OrtPackage } from './ort-library.ts'
import { sessionOptions } from './ort-options.ts'
import { OrtStepper, type OrtStepperInit } from './ort-stepper.ts'
import { fromOrt, isOrtType, toOrt } from './ort-value.ts'
import type { Stepper, StepperInit } from './stepper.ts'

/**
 * onnxruntime in this process: native code for CPU and GPUs, or its WebAssembly build. A run blocks the event loop and a
 * hostile model has the process, so this is what a child uses; elsewhere it serves tests and comparisons.
 */
export class OnnxRuntimeEngine implements Engine {
  readonly #package: OrtPackage

  /** Default: `onnxruntime-node`. */
  constructor(name: OrtPackage = 'onnxruntime-node') {
    this.#package = name
  }

  /** Throws `engine.not-installed`. */
  async info(): Promise<EngineInfo> {
    const { version, providers } = await loadOrt(this.#package)
    return { name: 'ort', version, providers }
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<EngineSession> {
    const { signal } = options
    const graph = await readModelFile(source.graph, signal)
    const weights = Object.entries(source.weights ?? {})
    const contents = new Map<string, Uint8Array>()
    for (const [name, file] of weights) contents.set(name, await readModelFile(file, signal))
    const sizes = Object.fromEntries([...contents].map(([name, { byteLength }]) => [name, byteLength]))
    const report = scanModel(graph, { weights: sizes })
    for (const { name, dtype } of [...report.inputs, ...report.outputs])
      if (!isOrtType(dtype))
        throw userError(
          'model.invalid',
          `"${name}" is ${dtype}, which onnxruntime's JavaScript side cannot exchange; cast it in the graph`,
        )
    const ort = await loadOrt(this.#package)
    const provider = options.provider ?? ort.providers[0]!
    if (!ort.providers.includes(provider))
      throw noProvider(provider, `${this.#package} is built for ${ort.providers.join(', ')}`)
    if (signal?.aborted) throw aborted()
    try {
      const session = await ort.InferenceSession.create(graph, sessionOptions(options, provider, contents))
      return new OnnxRuntimeSession(ort, session, report, this.#package === 'onnxruntime-node')
    } catch (error) {
      throw loadFailure(error, provider, () => readModel(graph).graph.node.map(({ opType }) => opType))
    }
  }
}

class OnnxRuntimeSession implements EngineSession {
  readonly report: ModelReport
  readonly #ort: OrtLibrary
  readonly #session: Ort.InferenceSession
  readonly stepper?: (init: StepperInit) => Stepper
  #open = true

  /** `inPlace`: whether outputs can be put into memory that was set aside; the WebAssembly build copies them out of its own. */
  constructor(ort: OrtLibrary, session: Ort.InferenceSession, report: ModelReport, inPlace: boolean) {
    this.#ort = ort
    this.#session = session
    this.report = report
    if (inPlace) this.stepper = (init) => this.#stepper(init)
  }

  get inputs() {
    return this.report.inputs
  }

  get outputs() {
    return this.report.outputs
  }

  async run(inputs: NamedTensors, { finite, signal }: RunOptions = {}): Promise<NamedTensors> {
    if (!this.#open) throw userError('engine.closed', 'the session was closed; load the model again')
    checkInputs(this.inputs, inputs)
    if (finite) for (const [name, tensor] of Object.entries(inputs)) checkFinite(name, tensor)
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, toOrt(name, tensor, this.#ort.Tensor)]),
    )
    if (signal?.aborted) throw aborted()
    let values: Ort.InferenceSession.OnnxValueMapType
    try {
      values = await this.#session.run(feeds)
    } catch (error) {
      throw engineFailure(error, 'engine.run-failed', 'the graph failed on these inputs')
    }
    return Object.fromEntries(this.outputs.map(({ name }) => [name, fromOrt(values[name] as Ort.Tensor)]))
  }

  async runAll(batch: readonly NamedTensors[], options: RunOptions = {}): Promise<readonly RunResult[]> {
    const results: RunResult[] = []
    for (const inputs of batch) {
      if (options.signal?.aborted) throw aborted()
      if (!this.#open) throw userError('engine.closed', 'the session was closed; load the model again')
      results.push(
        await this.run(inputs, options).then(
          (outputs) => ({ outputs }),
          (error) => ({ error: toAividaError(error, 'engine.internal') }),
        ),
      )
    }
    return results
  }

  #stepper(init: StepperInit): Stepper {
    const { Tensor } = this.#ort
    const run: OrtStepperInit['run'] = async (feeds, fetches) => {
      try {
        return await this.#session.run(feeds, fetches)
      } catch (error) {
        throw engineFailure(error, 'engine.run-failed', 'the training step failed on these inputs')
      }
    }
    return new OrtStepper({ ...init, Tensor, run })
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#session.release()
  }
}
