import { aborted, toAividaError, userError } from '../../base/errors.ts'
import type { NamedTensors } from '../../data/tensor/tensor.ts'
import { checkFinite } from '../model/finite.ts'
import type { ModelReport } from '../model/scan.ts'
import { checkInputs } from '../model/tensor-spec.ts'
import type { EngineSession, RunOptions, RunResult } from './engine.ts'

/** What sessions of engines in this process have in common: they look over what they are given before they compute. */
export abstract class LocalSession implements EngineSession {
  readonly report: ModelReport
  #open = true

  constructor(report: ModelReport) {
    this.report = report
  }

  get inputs() {
    return this.report.inputs
  }

  get outputs() {
    return this.report.outputs
  }

  /** One run, on inputs that fit the graph; what is aborted before the engine is called does not begin. */
  protected abstract compute(inputs: NamedTensors, signal: AbortSignal | undefined): Promise<NamedTensors>

  /** Frees the model. */
  protected abstract release(): Promise<void>

  async run(inputs: NamedTensors, { finite, signal }: RunOptions = {}): Promise<NamedTensors> {
    this.#checkOpen()
    checkInputs(this.inputs, inputs)
    if (finite) for (const [name, tensor] of Object.entries(inputs)) checkFinite(name, tensor)
    return this.compute(inputs, signal)
  }

  async runAll(batch: readonly NamedTensors[], options: RunOptions = {}): Promise<readonly RunResult[]> {
    const results: RunResult[] = []
    for (const inputs of batch) {
      if (options.signal?.aborted) throw aborted()
      this.#checkOpen()
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
    await this.release()
  }

  #checkOpen(): void {
    if (!this.#open) throw userError('engine.closed', 'the session was closed; load the model again')
  }
}
