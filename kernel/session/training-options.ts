import { userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { TfjsModel } from '../../runtime/compute/graph/import/tfjs/artifacts.ts'
import type { TensorType } from '../../runtime/compute/graph/index.ts'
import type { RowTable } from '../../runtime/data/rows/index.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { TrainingData, TrainingDefinition } from '../../runtime/node/training/definition.ts'
import type { Training } from '../../runtime/node/training/training.ts'
import type { TrainRequest } from '../../runtime/protocol/index.ts'
import type { Cell } from '../cell.ts'
import { isTfjsModel } from './model-input.ts'
import { isTable, type Rows, tensorsFrom } from './rows-input.ts'
import type { JobOptions } from './submission.ts'
import { isTensorLike, type TensorTarget } from './tensor-input.ts'

/** Rows to learn from: what `training()` takes, and an Arrow table, tensors or objects, whose columns are called as the inputs. */
export type TrainRows = TrainingData | Rows

/** What a cell says of a training: as `training()`, where the data may be in memory in any form. */
export interface TrainOptions
  extends Omit<TrainingDefinition, 'model' | 'loss' | 'optimizer' | 'learningRate' | 'inputs' | 'data' | 'validation'>,
    Partial<Pick<TrainingDefinition, 'loss' | 'optimizer' | 'learningRate' | 'inputs'>>,
    JobOptions {
  /**
   * Layers, a network, or a Layers model of TensorFlow.js. With a compiled one `loss`, `optimizer` and `learningRate` may be left
   * out; its inputs are the columns of the data in their order, save `labels`.
   */
  readonly model: TrainingDefinition['model'] | TfjsModel
  /** What is learned from; one row a sample. */
  readonly data: TrainRows
  /** Rows that are not learned from, or which share of `data`, its last rows, is set aside. Default: no evaluation. */
  readonly validation?: TrainRows | { readonly share: number }
  /** Columns by name, with the shape of one sample. Default: what the data are, where they are in memory. */
  readonly inputs?: Readonly<Record<string, TensorType>>
}

/** A training of what a cell says. Throws `train.*`, `input.*`, and of a model of TensorFlow.js `tfjs.*`. */
export async function trainingFrom(options: TrainOptions): Promise<Training> {
  const { training } = await import('../../runtime/node/training/training.ts')
  if (options === null || typeof options !== 'object')
    throw userError('train.option', 'expected an object: cluster.train({ model, data, loss, optimizer, ... })')
  const { show: _, detach: __, data: given, validation: held, ...rest } = options
  const tensors = await inMemory(given, options.inputs)
  const inputs = options.inputs ?? (tensors && typesOf(tensors))
  const imported = isTfjsModel(options.model) && (await ofTfjs(options, options.model, inputs))
  const columns = { ...(imported ? imported.inputs : {}), ...inputs }
  const validation = isShare(held) ? held : held && ((await inMemory(held, columns)) ?? (held as TrainingData))
  return training({
    ...rest,
    ...(imported ? imported.compiled : {}),
    ...(Object.keys(columns).length > 0 && { inputs: columns }),
    data: tensors ?? (given as TrainingData),
    ...(validation && { validation }),
  } as TrainingDefinition)
}

/** The text of a cell for the record of a training that it submits; one that is too long for it is left out. */
export function scriptOf(cell: Cell | undefined): { readonly script?: NonNullable<TrainRequest['script']> } {
  const { code: text, number } = cell ?? {}
  if (text === undefined || text.length > limit('scriptCharacters')) return {}
  return { script: { name: `In [${number}]`, text } }
}

/** Rows that are in memory as tensors of the inputs, or of what they are; `undefined` for files and tables of rows. */
async function inMemory(
  rows: TrainRows | undefined,
  inputs: TrainOptions['inputs'],
): Promise<NamedTensors | undefined> {
  if (rows === null || rows === undefined || typeof rows === 'string' || isRowTable(rows)) return undefined
  if (inputs) return tensorsFrom(rows as Rows, targetsOf(inputs))
  if (isTable(rows)) {
    const { tensorsOfTable } = await import('./arrow-tensors.ts')
    return tensorsOfTable(rows)
  }
  if (isTensorLike(rows))
    throw userError(
      'train.inputs',
      "expected inputs, such as { x: { dtype: 'float32', shape: [4] } }, or columns by name",
    )
  return tensorsFrom(
    rows as Rows,
    Object.keys(Array.isArray(rows) ? rows[0]! : rows).map((name) => ({ name })),
  )
}

const targetsOf = (inputs: Readonly<Record<string, TensorType>>): TensorTarget[] =>
  Object.entries(inputs).map(([name, { dtype, shape }]) => ({ name, dtype, shape: ['rows', ...shape] }))

function typesOf(tensors: NamedTensors): Readonly<Record<string, TensorType>> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape }]) => [
      name,
      { dtype: dtype as TensorType['dtype'], shape: shape.slice(1) },
    ]),
  )
}

/** A model of TensorFlow.js, with the training that it was compiled for where nothing else is said. */
async function ofTfjs(
  { loss, optimizer, learningRate }: TrainOptions,
  model: TfjsModel,
  inputs: TrainOptions['inputs'],
) {
  const { importTfjs, trainingOf } = await import('../../runtime/compute/graph/import/tfjs/index.ts')
  const named = Object.keys(inputs ?? {}).filter((name) => name !== 'labels')
  const imported = await importTfjs(model, named.length > 0 ? { inputs: named } : {})
  const { outputs } = imported
  const isWhole = loss !== undefined && optimizer !== undefined && learningRate !== undefined
  const compiled = isWhole ? {} : await trainingOf(model, { outputs })
  const said = {
    ...(loss && { loss }),
    ...(optimizer && { optimizer }),
    ...(learningRate !== undefined && { learningRate }),
  }
  return { inputs: imported.inputs, compiled: { model: imported.network, ...compiled, ...said } }
}

function isRowTable(rows: TrainRows): rows is RowTable {
  return typeof (rows as Partial<RowTable>).gather === 'function'
}

function isShare(validation: TrainOptions['validation']): validation is { readonly share: number } {
  const { share } = (validation ?? {}) as { share?: unknown }
  return typeof share === 'number'
}
