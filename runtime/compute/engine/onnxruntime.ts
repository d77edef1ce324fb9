import type * as Ort from 'onnxruntime-node'
import { aborted, userError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import { type ModelReport, scanModel } from '../model/scan.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource } from './engine.ts'
import { LocalSession } from './local-session.ts'
import { readModelFile } from './model-file.ts'
import { engineFailure, loadFailure, noProvider } from './ort-failure.ts'
import { loadOrt, type OrtLibrary, type OrtPackage } from './ort-library.ts'
import { sessionOptions } from './ort-options.ts'
import type { OrtResidentStepper, OrtResidentStepperInit, Place } from './ort-resident-stepper.ts'
import { OrtStepper } from './ort-stepper.ts'
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
    const card = provider === 'cpu' ? undefined : await cardParts()
    if (signal?.aborted) throw aborted()
    try {
      const settings = sessionOptions(options, provider, contents)
      const session = await ort.InferenceSession.create(graph, settings)
      const placing = async (places: Readonly<Record<string, Place>>, other = graph) =>
        ort.InferenceSession.create(other, {
          ...settings,
          ...(Object.keys(places).length > 0 && { preferredOutputLocation: places }),
        })
      return new OnnxRuntimeSession(ort, session, report, {
        inPlace: this.#package === 'onnxruntime-node',
        ...(card && provider === 'webgpu' && { resident: { placing, Stepper: card.OrtResidentStepper } }),
      })
    } catch (error) {
      throw loadFailure(error, provider, () => card?.readModel(graph).graph.node.map(({ opType }) => opType) ?? [])
    }
  }
}

/** What only cards need: it reads and builds graphs, which is half of an engine's start. */
async function cardParts() {
  const [{ readModel }, { OrtResidentStepper }] = await Promise.all([
    import('../graph/onnx/model.ts'),
    import('./ort-resident-stepper.ts'),
  ])
  return { readModel, OrtResidentStepper }
}

/** How a session's outputs may be left. */
interface Placing {
  /** Whether they can be put into memory that was set aside; the WebAssembly build copies them out of its own. */
  readonly inPlace: boolean
  /** Where they can stay on the card. WebGPU's alone: onnxruntime-node 1.30 knows no other card's memory. */
  readonly resident?: Resident
}

interface Resident {
  /** Loads the graph, or another, for outputs that stay on the card. */
  readonly placing: (places: Readonly<Record<string, Place>>, graph?: Uint8Array) => Promise<Ort.InferenceSession>
  readonly Stepper: typeof OrtResidentStepper
}

class OnnxRuntimeSession extends LocalSession {
  readonly #ort: OrtLibrary
  readonly #session: Ort.InferenceSession
  readonly stepper?: (init: StepperInit) => Stepper

  constructor(ort: OrtLibrary, session: Ort.InferenceSession, report: ModelReport, { inPlace, resident }: Placing) {
    super(report)
    this.#ort = ort
    this.#session = session
    if (inPlace)
      this.stepper = (init) => (init.resident && resident ? this.#residentStepper(init, resident) : this.#stepper(init))
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
    return new OrtStepper({ ...init, Tensor, run: (feeds, fetches) => stepped(this.#session, feeds, fetches) })
  }

  #residentStepper(init: StepperInit, { placing, Stepper }: Resident): Stepper {
    const { Tensor } = this.#ort
    const load: OrtResidentStepperInit['load'] = async (places, graph) => {
      const session = await placing(places, graph).catch((error: unknown) => {
        throw engineFailure(error, 'model.invalid', 'onnxruntime does not load the step for a state on the card')
      })
      return { run: (feeds, fetches) => stepped(session, feeds, fetches), release: () => session.release() }
    }
    return new Stepper({ ...init, Tensor, load })
  }

  protected release(): Promise<void> {
    return this.#session.release()
  }
}

async function stepped(
  session: Ort.InferenceSession,
  feeds: Ort.InferenceSession.FeedsType,
  fetches: Readonly<Record<string, Ort.Tensor | null>>,
): Promise<Readonly<Record<string, Ort.Tensor>>> {
  try {
    return (await session.run(feeds, fetches)) as Record<string, Ort.Tensor>
  } catch (error) {
    throw engineFailure(error, 'engine.run-failed', 'the training step failed on these inputs')
  }
}
