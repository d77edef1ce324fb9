import { AividaError, aborted, isAividaError, userError } from '../../../base/errors.ts'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import { opsetVersion, readModel } from '../../graph/onnx/model.ts'
import { type ModelReport, scanModel } from '../../model/scan.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource } from '../engine.ts'
import { LocalSession } from '../local-session.ts'
import { readModelFile } from '../model-file.ts'
import { noProvider } from '../ort-failure.ts'
import { loadTf, type TfLibrary } from './library.ts'
import { Plan } from './plan.ts'
import { carrierOf, fromValue, toValue, type Value } from './value.ts'

/**
 * TensorFlow.js in this process: runs the nodes of an ONNX graph one by one through a table of its operations. Threads and
 * optimisation levels are its own affair.
 */
export class TfjsEngine implements Engine {
  /** Throws `engine.not-installed`, `engine.fell-back`. */
  async info(): Promise<EngineInfo> {
    const { name, version, provider } = await loadTf()
    return { name, version, providers: [provider] }
  }

  async load(source: ModelSource, { provider, signal }: LoadOptions = {}): Promise<EngineSession> {
    const graph = await readModelFile(source.graph, signal)
    const files = new Map<string, Uint8Array>()
    for (const [name, file] of Object.entries(source.weights ?? {})) files.set(name, await readModelFile(file, signal))
    const sizes = Object.fromEntries([...files].map(([name, { byteLength }]) => [name, byteLength]))
    const report = scanModel(graph, { weights: sizes })
    for (const { name, dtype } of [...report.inputs, ...report.outputs])
      if (!carrierOf(dtype))
        throw userError('model.invalid', `"${name}" is ${dtype}, which TensorFlow.js has not; cast it in the graph`)
    const library = await loadTf()
    if (provider !== undefined && provider !== library.provider)
      throw noProvider(provider, `TensorFlow.js computes on ${library.provider} here`)
    if (signal?.aborted) throw aborted()
    const model = readModel(graph)
    return new TfjsSession(library, new Plan(library.tf, model, opsetVersion(model), files), report)
  }
}

class TfjsSession extends LocalSession {
  readonly #library: TfLibrary
  readonly #plan: Plan

  constructor(library: TfLibrary, plan: Plan, report: ModelReport) {
    super(report)
    this.#library = library
    this.#plan = plan
  }

  protected async compute(inputs: NamedTensors, signal: AbortSignal | undefined): Promise<NamedTensors> {
    if (signal?.aborted) throw aborted()
    const { tf } = this.#library
    const values = new Map<string, Value>()
    try {
      for (const [name, tensor] of Object.entries(inputs)) values.set(name, toValue(tf, name, tensor))
    } catch (error) {
      for (const { tensor } of values.values()) tensor.dispose()
      throw error
    }
    let results: Map<string, Value> | undefined
    try {
      const names = this.outputs.map(({ name }) => name)
      results = this.#plan.run(values, names)
      const outputs: [string, Tensor][] = []
      for (const name of names) outputs.push([name, await fromValue(results.get(name)!)])
      return Object.fromEntries(outputs)
    } catch (error) {
      throw runFailure(error)
    } finally {
      for (const { tensor } of results?.values() ?? []) tensor.dispose()
    }
  }

  protected async release(): Promise<void> {
    this.#plan.dispose()
  }
}

function runFailure(error: unknown): AividaError {
  if (isAividaError(error)) return error
  const reason = error instanceof Error ? error.message : String(error)
  const outOfMemory = error instanceof RangeError || /allocation|OOM|out of memory/i.test(reason)
  return new AividaError({
    code: outOfMemory ? 'engine.out-of-memory' : 'engine.run-failed',
    category: outOfMemory ? 'platform' : 'user',
    message: `the graph failed on these inputs: ${reason.slice(0, 2_000)}`,
    cause: error,
  })
}
