import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import util from 'node:util'

/** TensorFlow.js as cells have it: its core and its layers in one, as `@tensorflow/tfjs` has them. */
export type Tf = typeof import('@tensorflow/tfjs-core') & typeof import('@tensorflow/tfjs-layers')

/** Apache Arrow's package. */
export type Arrow = typeof import('apache-arrow')

const require = createRequire(import.meta.url)
let tf: Tf | undefined
let arrow: Arrow | undefined

/**
 * TensorFlow.js: `@tensorflow/tfjs-node-gpu` where that is installed, else core, layers and the CPU backend in plain
 * JavaScript. Loaded at the first call, and at once: a cell that names `tf` cannot be made to wait. Throws what loading throws.
 */
export function loadTf(): Tf {
  tf ??= nativeTf() ?? plainTf()
  return tf
}

/** Apache Arrow: the very modules that results are made of, so that `instanceof` holds. Loaded at the first call. */
export function loadArrow(): Arrow {
  arrow ??= require(fileURLToPath(import.meta.resolve('apache-arrow'))) as Arrow
  return arrow
}

function nativeTf(): Tf | undefined {
  // Node 24 no longer has what the native package's loader calls.
  const old = util as { isNullOrUndefined?: (value: unknown) => boolean }
  old.isNullOrUndefined ??= (value) => value === null || value === undefined
  try {
    return require('@tensorflow/tfjs-node-gpu') as Tf
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** CommonJS on purpose: the packages' own modules import their parts without extensions, which Node does not resolve. */
function plainTf(): Tf {
  const core = require('@tensorflow/tfjs-core') as typeof import('@tensorflow/tfjs-core')
  const layers = require('@tensorflow/tfjs-layers') as typeof import('@tensorflow/tfjs-layers')
  require('@tensorflow/tfjs-backend-cpu')
  const backend = core.backend() as { firstUse?: boolean }
  backend.firstUse = false // its advice to install the native package would stand in the output of some cell
  return Object.freeze({ ...core, ...layers }) as Tf
}
