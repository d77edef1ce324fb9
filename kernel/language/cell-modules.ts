import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import vm from 'node:vm'

/** `require` as compiled cells call it. */
export interface CellRequire extends NodeJS.Require {
  /** A real `import()`, from the place of the code that calls it. */
  import(id: string, options?: object): Promise<unknown>
  /** A resource that is disposed of when the cell has ended. */
  using<T extends Disposable | null | undefined>(value: T): T
  usingAsync<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T
  /** The `require` of a local module, over the one that tslab gave it. */
  within(inner: NodeJS.Require, path: string): NodeJS.Require
}

/**
 * The modules of cells. tslab compiles `import` to `require()`, which cannot load a package that is only there as an ES module
 * (no CommonJS export, or a top-level await) and would bring a second copy of one that the kernel itself imported. So every
 * package is loaded by a real `import` from the notebook's folder before the cell runs, and `require()` hands that out.
 */
export class CellModules {
  readonly #cwd: string
  readonly #loaded = new Map<string, { readonly exports: unknown } | { readonly error: unknown }>()

  constructor(cwd: string) {
    this.#cwd = cwd
  }

  /** Loads what compiled code is going to `require`. What cannot be loaded fails where it is required. */
  async preload(compiled: readonly string[]): Promise<void> {
    const ids = new Set(
      compiled.flatMap(requiredIn).filter((id) => isPackage(id) && !('exports' in (this.#loaded.get(id) ?? {}))),
    )
    await Promise.all([...ids].map((id) => this.#load(id)))
  }

  /** The `require` of a cell over the one that tslab made; what the cell declares by `using` goes into `resources`. */
  within(inner: NodeJS.Require, resources: AsyncDisposableStack): CellRequire {
    return Object.assign(this.#outer(inner, join(this.#cwd, 'cell.js')), {
      using: <T extends Disposable | null | undefined>(value: T) => {
        if (value !== null && value !== undefined) resources.defer(disposerOf(value))
        return value
      },
      usingAsync: <T extends AsyncDisposable | Disposable | null | undefined>(value: T) => resources.use(value),
      within: (innerOfModule: NodeJS.Require, path: string) => this.#outer(innerOfModule, path),
    })
  }

  #outer(inner: NodeJS.Require, base: string) {
    const outer = (id: string): unknown => {
      const loaded = isPackage(id) ? this.#loaded.get(id) : undefined
      if (loaded === undefined) return inner(withoutTsEnding(id))
      if ('exports' in loaded) return loaded.exports
      throw loaded.error
    }
    const importNow = async (id: unknown, options?: object): Promise<unknown> => {
      const name = String(id)
      if (name === 'aivida') return await importAivida()
      const local = isCompiled(name) ? localModule(inner, withoutTsEnding(name)) : undefined
      return local ?? (await importerFrom(base)(name, options))
    }
    return Object.assign(outer, inner, { import: importNow }) as NodeJS.Require & { import: typeof importNow }
  }

  async #load(id: string): Promise<void> {
    try {
      const module = id === 'aivida' ? await importAivida() : await importerFrom(join(this.#cwd, 'cell.js'))(id)
      this.#loaded.set(id, { exports: asRequired(module) })
    } catch (error) {
      this.#loaded.set(id, { error })
    }
  }
}

/** The kernel's own copy, from whatever folder the notebook is in: a package of another version would be another cluster's. */
async function importAivida(): Promise<Record<string, unknown>> {
  return await import('../../runtime/index.ts')
}

/** Node resolves a specifier from the file that a script says it is. */
function importerFrom(base: string): (id: string, options?: object) => Promise<Record<string, unknown>> {
  const importNow = vm.runInThisContext('(id, options) => import(id, options)', {
    filename: base,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  return (id, options) => {
    const { emitWarning } = process
    process.emitWarning = () => {} // that this is experimental would stand in the user's cell
    const loading = importNow(id, options)
    process.emitWarning = emitWarning
    return loading
  }
}

/** What `require()` gives for a module: `module.exports` of a CommonJS one, else its namespace, marked as that of an ES module. */
function asRequired(module: Record<string, unknown>): unknown {
  if ('module.exports' in module) return module['module.exports']
  return new Proxy(module, { get: (target, name) => (name === '__esModule' ? true : Reflect.get(target, name)) })
}

/** `Symbol.dispose`, looked up now, as the language demands. */
function disposerOf(value: Disposable): () => void {
  const dispose = value[Symbol.dispose]
  if (typeof dispose !== 'function') throw new TypeError('what is declared by `using` has no [Symbol.dispose]()')
  return () => dispose.call(value)
}

function localModule(inner: NodeJS.Require, id: string): unknown {
  try {
    return inner(id)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Whether tslab compiles it: a local module, named with its ending or without. */
function isCompiled(id: string): boolean {
  return /^\.{1,2}\//.test(id) && !/\.(json|mjs|cjs|mts|cts|node|wasm)$/.test(id)
}

function requiredIn(compiled: string): string[] {
  return [...compiled.matchAll(/\brequire\(("(?:[^"\\\n]|\\.)*")\)/g)].map((match) => JSON.parse(match[1]!) as string)
}

function isPackage(id: string): boolean {
  return !isBuiltin(id) && id !== 'tslab' && !/^(\.{0,2}\/|\.{1,2}$|[a-zA-Z]:[\\/])/.test(id)
}

function withoutTsEnding(id: string): string {
  return /^\.{1,2}\/.*\.ts$/.test(id) ? `${id.slice(0, -3)}.js` : id
}
