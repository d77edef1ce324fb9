import { createRequire, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import util from 'node:util'

/** TensorFlow.js as cells have it: its core, with operations as methods of tensors, and its layers in one, as `@tensorflow/tfjs` has them. */
export type Tf = typeof import('@tensorflow/tfjs-core') &
  typeof import('@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js') &
  typeof import('@tensorflow/tfjs-layers')

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
  registerRest()
  const backend = core.backend() as { firstUse?: boolean }
  backend.firstUse = false // its advice to install the native package would stand in the output of some cell
  return Object.freeze({ ...core, ...layers }) as Tf
}

/**
 * Gradients, and operations as methods of tensors (`x.sum()`): the package has them as modules of their own, beside its core,
 * for bundlers: they import each other without extensions. What they register, they register for the core, by its globals.
 */
function registerRest(): void {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const isPart = REST.includes(specifier) || (specifier.startsWith('.') && CORE.test(context.parentURL ?? ''))
      if (!isPart) return next(specifier, context)
      const found = next(specifier.endsWith('.js') ? specifier : `${specifier}.js`, context)
      return { ...found, format: 'module' }
    },
  })
  try {
    for (const part of REST) require(part)
  } finally {
    hooks.deregister()
  }
}

const CORE = /\/@tensorflow\/tfjs-core\/dist\//
const REST: readonly string[] = [
  '@tensorflow/tfjs-core/dist/register_all_gradients.js',
  '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js',
]
