import { userError } from '../../../base/errors.ts'
import { limit } from '../../../base/limits.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { ModelReport } from '../../model/scan.ts'
import type { EngineSession, RunOptions, RunResult } from '../engine.ts'
import { ChildTraining, type SteppedModel } from './child-training.ts'
import type { EngineChild } from './engine-child.ts'
import { protocol } from './frame.ts'

/** A model that a child holds, by the number both ends know it under. */
export class ChildSession implements EngineSession {
  readonly report: ModelReport
  readonly number: number
  readonly #child: EngineChild
  #open = true

  constructor(child: EngineChild, number: number, report: ModelReport) {
    this.#child = child
    this.number = number
    this.report = report
  }

  get inputs() {
    return this.report.inputs
  }

  get outputs() {
    return this.report.outputs
  }

  async run(inputs: NamedTensors, options: RunOptions = {}): Promise<NamedTensors> {
    const [result] = await this.runAll([inputs], options)
    if (!result || 'error' in result) throw result?.error ?? protocol('a result')
    return result.outputs
  }

  async runAll(batch: readonly NamedTensors[], options: RunOptions = {}): Promise<readonly RunResult[]> {
    const parts = Math.max(1, this.inputs.length, this.outputs.length, ...batch.map((each) => Object.keys(each).length))
    const runsPerCall = Math.max(1, Math.floor(limit('tensorsPerMessage') / parts))
    const results: RunResult[] = []
    while (results.length < batch.length) {
      if (!this.#open) throw userError('engine.closed', 'the session was closed; load the model again')
      const some = batch.slice(results.length, results.length + runsPerCall)
      results.push(...(await this.#child.run(this.number, some, options)))
    }
    return results
  }

  /** Takes the model, a training step, into training. Throws as {@link ChildTraining.begin} does. */
  train(init: SteppedModel, signal?: AbortSignal): Promise<ChildTraining> {
    return ChildTraining.begin(this.#child, this.number, init, signal)
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#child.release(this.number)
  }
}
