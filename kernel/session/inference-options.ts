import { userError } from '../../runtime/base/errors.ts'
import type { Client, InferRequest } from '../../runtime/node/control/client.ts'
import type { SourceSpec } from '../../runtime/protocol/index.ts'
import { type ModelInput, type ModelOnDisk, modelFrom } from './model-input.ts'
import { fileOf, isTable, type Rows, type RowsInput, tensorsFrom } from './rows-input.ts'
import type { JobOptions, PreparedRequest } from './submission.ts'

/** What a cell says of batch inference: a model, rows, and what `aivida infer` takes beside them. */
export interface InferOptions extends Omit<InferRequest, 'model' | 'input'>, JobOptions {
  /** See {@link ModelInput}. */
  readonly model: ModelInput
  /** Columns are called as the model's inputs; rows in memory are brought into the types that it asks for. */
  readonly input: RowsInput
}

/** The request of what a cell says of batch inference, its rows with the node. Throws `input.*`, `model.*`, `data.full`. */
export async function preparedInference(
  client: Client,
  options: InferOptions,
  signal: AbortSignal,
): Promise<PreparedRequest> {
  if (options === null || typeof options !== 'object' || options.model === undefined || options.input === undefined)
    throw userError('input.options', 'expected a model and an input: cluster.infer({ model, input })')
  const { model: given, input, show: _, detach: __, ...request } = options
  const model = await modelFrom(given)
  try {
    const source = fileOf(input) ?? (await sentRows(client, input as Rows, model, signal))
    return { request: { ...request, program: 'infer', model: model.path, input: source }, remove: model.remove }
  } catch (error) {
    await model.remove()
    throw error
  }
}

async function sentRows(client: Client, rows: Rows, model: ModelOnDisk, signal: AbortSignal): Promise<SourceSpec> {
  const { sentTable, tableOfTensors } = await import('./sent-table.ts')
  const inputs = await model.inputs()
  if (isTable(rows)) {
    const { fits } = await import('./arrow-tensors.ts')
    if (fits(rows, inputs)) return sentTable(client, rows, signal)
  }
  return sentTable(client, tableOfTensors(await tensorsFrom(rows, inputs)), signal)
}
