import type * as Ort from 'onnxruntime-node'
import { aborted, userError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import { readModel } from '../graph/onnx/model.ts'
import { type ModelReport, scanModel } from '../model/scan.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource } from './engine.ts'
import { LocalSession } from './local-session.ts'
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

class OnnxRuntimeSession extends LocalSession {
  readonly #ort: OrtLibrary
  readonly #session: Ort.InferenceSession
  readonly stepper?: (init: StepperInit) => Stepper

  /** `inPlace`: whether outputs can be put into memory that was set aside; the WebAssembly build copies them out of its own. */
  constructor(ort: OrtLibrary, session: Ort.InferenceSession, report: ModelReport, inPlace: boolean) {
    super(report)
    this.#ort = ort
    this.#session = session
    if (inPlace) this.stepper = (init) => this.#stepper(init)
  }

  protected async compute(inputs: NamedTensors, signal: AbortSignal | undefined): Promise<NamedTensors> {
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

  protected release(): Promise<void> {
    return this.#session.release()
  }
}
