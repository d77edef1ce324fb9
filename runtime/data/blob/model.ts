import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { type AividaError, isAividaError, limit, userError } from '../../base/index.ts'
import type { ModelRef } from '../../protocol/index.ts'
import { guessFormat } from './guess-format.ts'
import { externalDataNames } from './onnx-external.ts'
import type { BlobStore, PutOptions } from './store.ts'

/**
 * Keeps an ONNX model as blobs: its graph, and each file in which it keeps tensors (as PyTorch exports models beyond 2
 * GB) as one blob of weights. Such files must lie in the model's folder or below it, symbolic links included; a model
 * given as bytes has no folder, so it must hold its tensors itself.
 * Throws `model.missing`, `model.unreadable`, `model.not-onnx`, `model.too-large`, `model.external-path`,
 * `model.missing-weights`, and what `BlobStore.put` throws.
 */
export async function importModel(
  source: string | Uint8Array,
  store: BlobStore,
  options: PutOptions = {},
): Promise<ModelRef> {
  const graph = typeof source === 'string' ? await readGraph(source) : source
  const names = tensorFiles(graph, typeof source === 'string' ? source : 'these bytes')
  if (typeof source !== 'string' && names.length > 0)
    throw userError('model.external-path', `the model keeps tensors in files (${names[0]}); import it from its file`)
  if (names.length > MAX_WEIGHT_FILES)
    throw userError('model.too-large', `weights in ${names.length} files, at most ${MAX_WEIGHT_FILES} are taken`)
  const files = typeof source === 'string' ? await Promise.all(names.map((name) => weightFile(source, name))) : []
  const weights: ModelRef['weights'] = []
  for (const { name, path } of files) weights.push({ name, ...(await store.putFile(path, options)) })
  return { graph: await store.put(graph, options), weights }
}

/** What a model reference may name. */
const MAX_WEIGHT_FILES = 4096

/** {@link externalDataNames}, saying which file is no ONNX model and what it seems to be. */
function tensorFiles(graph: Uint8Array, where: string): string[] {
  try {
    return externalDataNames(graph)
  } catch (error) {
    const found = guessFormat(graph)
    if (found === undefined || !isAividaError(error, 'model.not-onnx')) throw error
    throw userError('model.not-onnx', `${where}: expected an ONNX model, found ${found}; export the model as .onnx`)
  }
}

async function readGraph(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size >= limit('modelBytes'))
        throw userError(
          'model.too-large',
          `${path} has ${size} bytes, a graph has fewer than ${limit('modelBytes')}; export it with external data`,
        )
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw fileError(error, path)
  }
}

/** The file that external data named `name` lies in. */
async function weightFile(model: string, name: string): Promise<{ readonly name: string; readonly path: string }> {
  if (name.length > limit('tensorNameCharacters') || !/^[^/\\:\p{Cc}][^\\:\p{Cc}]*$/u.test(name))
    throw externalPath(model, name)
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..')) throw externalPath(model, name)
  const folder = await realpath(dirname(model))
  const path = await realpath(join(folder, name)).catch((error: unknown) => {
    throw userError(
      'model.missing-weights',
      `${basename(model)} keeps tensors in '${name}', which is not beside it (${errnoOf(error)}); copy that file there`,
    )
  })
  if (!path.startsWith(folder + sep)) throw externalPath(model, name)
  return { name, path }
}

function externalPath(model: string, name: string): AividaError {
  return userError(
    'model.external-path',
    `${basename(model)} keeps tensors in '${name.slice(0, 200)}'; expected a file in the model's folder, and no link out of it`,
  )
}

function fileError(error: unknown, path: string): unknown {
  if (isAividaError(error)) return error
  const errno = errnoOf(error) ?? error
  if (errno === 'ENOENT') return userError('model.missing', `no model file at ${path}; check the path`)
  return userError('model.unreadable', `the model file ${path} cannot be read (${errno}); give a file that may be read`)
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
