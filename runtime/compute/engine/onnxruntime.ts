import type * as Ort from 'onnxruntime-node'
import { AividaError, aborted, toAividaError, userError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import { checkFinite } from '../model/finite.ts'
import { type ModelReport, scanModel } from '../model/scan.ts'
import { checkInputs } from '../model/tensor-spec.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource, RunOptions, RunResult } from './engine.ts'
import { readModelFile } from './model-file.ts'
import { fromOrt, isOrtType, toOrt } from './ort-value.ts'

/**
 * onnxruntime-node in this process. A run blocks the event loop and a hostile model has the process, so this is what a
 * child uses; elsewhere it serves tests and comparisons.
 */
export class OnnxRuntimeEngine implements Engine {
  async info(): Promise<EngineInfo> {
    return { name: 'ort', version: (await onnxruntime()).env.versions.node ?? 'unknown' }
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
          `"${name}" is ${dtype}, which onnxruntime-node cannot exchange; cast it in the graph`,
        )
    const ort = await onnxruntime()
    if (signal?.aborted) throw aborted()
    try {
      const session = await ort.InferenceSession.create(graph, sessionOptions(options, contents))
      return new OnnxRuntimeSession(ort, session, report)
    } catch (error) {
      throw engineError(error, 'model.invalid', 'onnxruntime does not load the model')
    }
  }
}

class OnnxRuntimeSession implements EngineSession {
  readonly report: ModelReport
  readonly #ort: typeof Ort
  readonly #session: Ort.InferenceSession
  #open = true

  constructor(ort: typeof Ort, session: Ort.InferenceSession, report: ModelReport) {
    this.#ort = ort
    this.#session = session
    this.report = report
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
      throw engineError(error, 'engine.run-failed', 'the graph failed on these inputs')
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

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#session.release()
  }
}

let loaded: Promise<typeof Ort> | undefined

/** Loads the library once, and not before its telemetry is off. */
function onnxruntime(): Promise<typeof Ort> {
  process.env.ORT_DISABLE_TELEMETRY = '1'
  loaded ??= import('onnxruntime-node')
  return loaded
}

function sessionOptions(
  options: LoadOptions,
  weights: ReadonlyMap<string, Uint8Array>,
): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [options.provider ?? 'cpu'],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    logSeverityLevel: 4, // errors are thrown; stderr is for last words
    extra: {
      session: {
        // Never its own file format, whose graph the scan has not seen.
        load_model_format: 'ONNX',
        use_deterministic_compute: '1',
        // Threads that wait by spinning take a shared machine from everybody else.
        intra_op: { allow_spinning: '0' },
      },
    },
    ...(weights.size > 0 && { externalData: Array.from(weights, ([path, data]) => ({ path, data })) }),
  }
}

function engineError(error: unknown, code: string, what: string): AividaError {
  const reason = (error instanceof Error ? error.message : String(error)).trim()
  const outOfMemory = /bad_alloc|bad allocation|failed to allocate|out of memory/i.test(reason)
  return new AividaError({
    code: outOfMemory ? 'engine.out-of-memory' : code,
    category: outOfMemory ? 'platform' : 'user',
    message: `${what}: ${reason.slice(0, REASON_CHARACTERS)}`,
    cause: error,
  })
}

/** Of onnxruntime's own message; some hold whole type lists. */
const REASON_CHARACTERS = 2_000
