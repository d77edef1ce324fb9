import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { userError } from '../../runtime/base/errors.ts'
import type { TfjsModel } from '../../runtime/compute/graph/import/tfjs/artifacts.ts'
import type { TensorSpec } from '../../runtime/compute/model/index.ts'

/**
 * A model to compute: the path of an ONNX file, its bytes, what a training came to (`{ model }`), or a Layers model of
 * TensorFlow.js.
 */
export type ModelInput = string | Uint8Array | { readonly model: Uint8Array; readonly modelFile?: string } | TfjsModel

/** A model as a file that the node reads. */
export interface ModelOnDisk {
  readonly path: string
  /** What it takes. Throws `model.missing`, `model.not-onnx`, `model.refused`. */
  inputs(): Promise<readonly TensorSpec[]>
  /** Removes what was written for it. */
  remove(): Promise<void>
}

/** Whether something is a Layers model of TensorFlow.js: told by its shape, since it may be of another copy of the package. */
export function isTfjsModel(value: unknown): value is TfjsModel {
  return isObject(value) && typeof value.save === 'function' && Array.isArray(value.layers)
}

/** Writes a model down, if it is none yet. Throws `input.model` for what is none, and for a TensorFlow.js one `tfjs.*`. */
export async function modelFrom(model: ModelInput): Promise<ModelOnDisk> {
  const file = typeof model === 'string' ? model : isObject(model) ? model.modelFile : undefined
  if (typeof file === 'string')
    return { path: resolve(file), inputs: () => inputsOfFile(resolve(file)), remove: async () => {} }
  const bytes = await bytesOf(model as Exclude<ModelInput, string>)
  const folder = await mkdtemp(join(tmpdir(), 'aivida-model-'))
  const path = join(folder, 'model.onnx')
  await writeFile(path, bytes)
  return {
    path,
    inputs: () => inputsOf(bytes, {}),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function bytesOf(model: Exclude<ModelInput, string>): Promise<Uint8Array> {
  if (model instanceof Uint8Array) return model
  if (isTfjsModel(model)) {
    const [{ importTfjs }, { untrainedModel }] = await Promise.all([
      import('../../runtime/compute/graph/import/tfjs/index.ts'),
      import('../../runtime/compute/graph/training/index.ts'),
    ])
    const { network, inputs } = await importTfjs(model)
    return untrainedModel({ model: network, inputs })
  }
  if (isObject(model) && model.model instanceof Uint8Array) return model.model
  throw userError(
    'input.model',
    'expected a model: the path of an .onnx file, its bytes, what a training came to, or a model of TensorFlow.js',
  )
}

async function inputsOfFile(path: string): Promise<readonly TensorSpec[]> {
  const { externalDataNames } = await import('../../runtime/data/blob/onnx-external.ts')
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw userError('model.missing', `no model file can be read at ${path} (${error.code}); check the path`)
  })
  const weights: Record<string, number> = {}
  for (const name of externalDataNames(bytes))
    weights[name] = await stat(join(dirname(path), name)).then(
      ({ size }) => size,
      () => 0, // the node says what is missing
    )
  return inputsOf(bytes, weights)
}

async function inputsOf(bytes: Uint8Array, weights: Readonly<Record<string, number>>): Promise<readonly TensorSpec[]> {
  const { scanModel } = await import('../../runtime/compute/model/index.ts')
  return scanModel(bytes, { weights }).inputs
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object'
}
