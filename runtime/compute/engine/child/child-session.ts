import { userError } from '../../../base/errors.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { ModelReport } from '../../model/scan.ts'
import type { EngineSession, RunOptions } from '../engine.ts'
import type { EngineChild } from './engine-child.ts'

/** A model that a child holds, by the number both ends know it under. */
export class ChildSession implements EngineSession {
  readonly report: ModelReport
  readonly #child: EngineChild
  readonly #number: number
  #open = true

  constructor(child: EngineChild, number: number, report: ModelReport) {
    this.#child = child
    this.#number = number
    this.report = report
  }

  get inputs() {
    return this.report.inputs
  }

  get outputs() {
    return this.report.outputs
  }

  async run(inputs: NamedTensors, options: RunOptions = {}): Promise<NamedTensors> {
    if (!this.#open) throw userError('engine.closed', 'the session was closed; load the model again')
    return this.#child.run(this.#number, inputs, options)
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#child.release(this.#number)
  }
}
