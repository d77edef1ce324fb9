/** Receiver of all variables of cells; its name stands in stacks before functions that another cell calls. */
class CellVariables {}

/** How compiled code begins: all names that a cell declares are set to `void 0`, fifty a statement. */
const NAMES_FIRST =
  /^(Object\.defineProperty\(exports, "__esModule", \{ value: true \}\);\n)((?:(?:exports\.[\p{ID_Continue}$]+ = )+void 0;\n)+)/mu
/** `export * from` in a cell declares nothing, but would put properties among the variables that nobody can set again. */
const EXPORT_STAR = /^__exportStar\((require\(.*\)), exports\);$/gm

/** Compiled code that leaves its names alone until they have a value, on the same lines, and these names. */
export function namesApart(output: string): { readonly output: string; readonly names: readonly string[] } {
  const names: string[] = []
  const text = output.replace(NAMES_FIRST, (_, first: string, sets: string) => {
    for (const [, name] of sets.matchAll(/exports\.([\p{ID_Continue}$]+) = /gu)) names.push(name!)
    return first + sets.replace(/[^\n]/g, '')
  })
  return { output: text.replace(EXPORT_STAR, '$1;'), names }
}

/** A cell's names while it runs: one of the ends is called when it has ended. */
export interface NamesOfCell {
  /** The cell succeeded: names that were given no value are `undefined`. */
  keep(): void
  /**
   * The cell failed, or goes on without anybody who waits. `kept`: names that are what they were before it; one that had no value
   * and got none throws when it is used, and can be set by later cells. `variables`: for what goes on of it, without the names
   * that it gave no value in time.
   */
  giveUp(): { readonly kept: ReadonlySet<string>; readonly variables: object }
}

/**
 * The variables of all cells: what compiled code calls `exports`. A plain object, since loops count in it: tslab's own is a
 * proxy, with which one step of a loop takes 50 times as long.
 */
export class CellNames {
  readonly variables = new CellVariables() as Record<string, unknown>

  /** Before a cell runs: each of its names keeps its value of before until it has the new one. */
  begin(names: readonly string[]): NamesOfCell {
    const before = new Map<string, PropertyDescriptor | undefined>()
    const pending = new Map<string, () => unknown>()
    for (const name of names) {
      const old = Object.getOwnPropertyDescriptor(this.variables, name)
      const get = old === undefined ? () => withoutValue(name) : (old.get ?? (() => old.value))
      before.set(name, old)
      pending.set(name, get)
      this.#until(name, get)
    }
    const { variables } = this
    /** Of the names, those that still have no value of this cell; an import is given as a getter, and has one. */
    const unset = () =>
      names.filter((name) => Object.getOwnPropertyDescriptor(variables, name)?.get === pending.get(name))
    const fixImports = () => {
      for (const name of names) {
        const { get } = Object.getOwnPropertyDescriptor(variables, name) ?? {}
        if (get && get !== pending.get(name)) this.#set(name, get())
      }
    }
    return {
      keep: () => {
        for (const name of unset()) this.#set(name, undefined)
        fixImports()
      },
      giveUp: () => {
        const late = new Set<string | symbol>(unset())
        const kept = new Set<string>()
        for (const [name, old] of before) {
          if (!late.has(name) || !old || old.get) continue
          this.#set(name, old.value)
          kept.add(name)
        }
        fixImports()
        if (late.size === 0) return { kept, variables }
        const set: ProxyHandler<object>['set'] = (target, name, value) =>
          late.has(name) || Reflect.set(target, name, value, target)
        return { kept, variables: new Proxy(variables, { set }) }
      },
    }
  }

  /** The value of a name, which is none any more. */
  take(name: string): unknown {
    const value = this.variables[name]
    delete this.variables[name]
    return value
  }

  #until(name: string, get: () => unknown): void {
    const set = (value: unknown) => this.#set(name, value)
    Object.defineProperty(this.variables, name, { get, set, configurable: true, enumerable: true })
  }

  #set(name: string, value: unknown): void {
    Object.defineProperty(this.variables, name, { value, writable: true, configurable: true, enumerable: true })
  }
}

function withoutValue(name: string): never {
  throw new ReferenceError(`${name} has no value: the cell that declares it failed or was interrupted; run it again`)
}
