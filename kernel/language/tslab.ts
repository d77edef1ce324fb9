import Module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { Converter, ConvertResult } from 'tslab/dist/converter.js'
import type { ConsoleInterface, Executor } from 'tslab/dist/executor.js'
import type { CodeMetadata } from 'tslab/dist/metadata.js'
import { type AdaptedCompiler, adaptCompiler, type CompilerSetup } from './compiler.ts'

/**
 * tslab (https://github.com/yunabe/tslab) has no interface for what a kernel of one's own needs; these are the parts of its
 * inside that are used here, and nowhere else. Each has a test (`test/kernel/language-tslab.test.ts`) that fails when an upgrade
 * changes it; `package.json` pins the version.
 *
 * 1. `tslab/dist/{converter,executor,inspect,metadata,util}.js` can be loaded by path.
 * 2. The converter takes TypeScript from the module `@tslab/typescript-for-tslab`, found anew at each call: what stands in the
 *    place of that module decides how it compiles (`compiler.ts` says what of it).
 * 3. `convert(declarations, source)` is given the declarations of the last cell that succeeded.
 * 4. The executor takes the code of local modules (`sideOutputs`) for the `require` of `__tslab__`, and runs no cell without output.
 * 5. Compiled code sets the names of a cell to `void 0` first, then each to its value: they are properties of `exports`, for which
 *    the kernel gives an object of its own (`cell-names.ts`).
 */
export interface Tslab {
  readonly compiler: AdaptedCompiler
  readonly createConverter: () => Converter
  readonly createExecutor: (
    cwd: string,
    converters: { node: Converter; browser: Converter; close: () => void },
    console: ConsoleInterface,
  ) => Executor
  readonly isCompleteCode: (code: string) => { completed: boolean; indent?: string }
  readonly getCodeMetadata: (code: string) => CodeMetadata
  readonly printQuickInfo: (info: TypeScript.QuickInfo) => string
}

export type { Converter, ConvertResult, Executor }

/** What tslab's executor hands to cells: its own name for it is part of the code that it runs. */
export interface CellScope {
  require: NodeJS.Require
}

/** The one version whose inside is known here. */
export const TSLAB_VERSION = '1.0.22'

const own = createRequire(import.meta.url)
const SNAPSHOT: unique symbol = Symbol.for('aivida.snapshot') as never
const TYPESCRIPT = '@tslab/typescript-for-tslab'

/** The folder of the declarations of Node's own modules: those of the Node that runs cells. */
export function nodeTypesFolder(): string {
  return dirname(own.resolve('@types/node/package.json'))
}

/** What a start-up snapshot (`kernel/snapshot/entry.cjs`) leaves in memory. */
interface Snapshot {
  readonly compiler: AdaptedCompiler
  /** Exports of what was loaded, by path. */
  readonly modules: ReadonlyMap<string, unknown>
  readonly use: (setup: CompilerSetup) => void
}

/**
 * Loads tslab's modules, with the compiler set up for cells, or takes them out of the snapshot that this process started from:
 * TypeScript alone takes some 150 ms.
 */
export function loadTslab(setup: CompilerSetup): Tslab {
  const folder = dirname(own.resolve('tslab/package.json'))
  const tslab = createRequire(join(folder, 'dist/main.js'))
  const typescript = tslab.resolve(TYPESCRIPT)
  const keep = (path: string, exports: unknown) => {
    tslab.cache[path] = Object.assign(new Module(path), { exports, filename: path, loaded: true })
  }
  const snapshot = (globalThis as { [SNAPSHOT]?: Snapshot })[SNAPSHOT]
  const fits = snapshot?.modules.has(typescript) ? snapshot : undefined
  const compiler = fits?.compiler ?? adaptCompiler(tslab(typescript), () => setup)
  fits?.use(setup)
  for (const [path, exports] of fits?.modules ?? []) keep(path, exports)
  keep(typescript, compiler.exports)
  const { createConverter, isCompleteCode } = tslab('./converter.js')
  const { createExecutor } = tslab('./executor.js')
  const { getCodeMetadata } = tslab('./metadata.js')
  const { printQuickInfo } = tslab('./inspect.js')
  return {
    compiler,
    createConverter: () => {
      if (!fits) {
        createConverter({}).close()
        compiler.shelveFixed()
      }
      const converter: Converter = createConverter({})
      return {
        ...converter,
        convert: (...args) => {
          compiler.setRunning(true)
          try {
            return converter.convert(...args)
          } finally {
            compiler.setRunning(false)
          }
        },
      }
    },
    createExecutor,
    isCompleteCode,
    getCodeMetadata,
    printQuickInfo,
  }
}

/** The scope that tslab's executor made for cells. */
export function cellScope(): CellScope {
  return (globalThis as unknown as { __tslab__: CellScope }).__tslab__
}
