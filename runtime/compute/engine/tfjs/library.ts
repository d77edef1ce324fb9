import { createRequire } from 'node:module'
import util from 'node:util'
import { AividaError } from '../../../base/errors.ts'
import type { ExecutionProvider } from '../../../protocol/requirements.ts'

/** TensorFlow.js: `@tensorflow/tfjs-node-gpu` and the package in plain JavaScript have one API. */
export type Tf = typeof import('@tensorflow/tfjs')

/** A loaded TensorFlow.js, with its backend chosen. */
export interface TfLibrary {
  readonly tf: Tf
  /** `tfnode`: libtensorflow; `tfjs`: plain JavaScript. */
  readonly name: 'tfnode' | 'tfjs'
  readonly version: string
  /** Where it computes: one place, which the library found and was asked for. */
  readonly provider: ExecutionProvider
}

let loading: Promise<TfLibrary> | undefined

/**
 * Loads `@tensorflow/tfjs-node-gpu`, an optional peer; where it is not installed, `@tensorflow/tfjs`. Throws
 * `engine.not-installed`.
 */
export function loadTf(): Promise<TfLibrary> {
  loading ??= loadNative().then((native) => native ?? loadPlain())
  return loading
}

async function loadNative(): Promise<TfLibrary | undefined> {
  // Node 24 no longer has what the native package's loader calls.
  const old = util as { isNullOrUndefined?: (value: unknown) => boolean }
  old.isNullOrUndefined ??= (value) => value === null || value === undefined
  let tf: Tf
  try {
    tf = require('@tensorflow/tfjs-node-gpu') as Tf
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw notInstalled('@tensorflow/tfjs-node-gpu', error)
  }
  await choose(tf, 'tensorflow')
  // Without a GPU, a driver or CUDA, libtensorflow computes on the CPU and says so on stderr alone.
  const { isUsingGpuDevice } = tf.backend() as { readonly isUsingGpuDevice?: boolean }
  return { tf, name: 'tfnode', version: tf.version_core, provider: isUsingGpuDevice === true ? 'cuda' : 'cpu' }
}

async function loadPlain(): Promise<TfLibrary> {
  let tf: Tf
  try {
    tf = require('@tensorflow/tfjs') as Tf
  } catch (error) {
    throw notInstalled('@tensorflow/tfjs-node-gpu', error)
  }
  await choose(tf, 'cpu')
  return { tf, name: 'tfjs', version: tf.version_core, provider: 'cpu' }
}

/** CommonJS on purpose: the packages' own modules import their parts without extensions, which Node does not resolve. */
const require = createRequire(import.meta.url)

async function choose(tf: Tf, backend: string): Promise<void> {
  tf.enableProdMode()
  const taken = await tf.setBackend(backend) // answers false, and keeps another backend, where this one fails
  if (!taken || tf.getBackend() !== backend)
    throw new AividaError({
      code: 'engine.fell-back',
      category: 'platform',
      message: `expected TensorFlow.js to compute on its backend "${backend}", which does not start; it would use "${tf.getBackend()}"`,
    })
}

function notInstalled(name: string, cause: unknown): AividaError {
  return new AividaError({
    code: 'engine.not-installed',
    category: 'platform',
    message: `${name} does not load here (${String(cause).split('\n', 1)[0]}); npm install ${name}@4.22.0`,
    cause,
  })
}
