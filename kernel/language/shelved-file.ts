import type * as TypeScript from '@tslab/typescript-for-tslab'

type Ts = typeof TypeScript
type Names = Map<TypeScript.__String, TypeSymbol>

/** A symbol with what TypeScript has and does not declare. */
export interface TypeSymbol extends TypeScript.Symbol {
  members?: Names
  exports?: Names
  globalExports?: Names
  parent?: TypeSymbol | undefined
}
/** A file with what TypeScript has and does not declare. */
export interface Tree extends TypeScript.SourceFile {
  symbol?: TypeSymbol
  locals?: Names
  imports: readonly TypeScript.StringLiteral[]
  moduleAugmentations: readonly TypeScript.Node[]
  ambientModuleNames: readonly string[]
  externalModuleIndicator?: unknown
  redirectInfo?: unknown
  patternAmbientModules?: readonly unknown[]
  resolvedModules?: ReadonlyMap<string, { readonly resolvedModule?: TypeScript.ResolvedModule | undefined }>
}
/** `declare module 'x' { ... }` */
interface ModuleTree extends TypeScript.ModuleDeclaration {
  readonly symbol: TypeSymbol
  readonly jsDoc?: readonly TypeScript.Node[]
}
interface Parsed {
  readonly tree: Tree
  readonly modules: readonly ModuleTree[]
}
/** The text of a file; `undefined` when it cannot be read. */
export type ReadText = (path: string) => string | undefined
/** A file, read again. */
export type Parse = (path: string) => Parsed
/** Functions that TypeScript has and does not declare. */
export interface Internal {
  bindSourceFile(file: TypeScript.SourceFile, options: TypeScript.CompilerOptions): void
  isGlobalScopeAugmentation(node: TypeScript.Node): boolean
}

/** Of a symbol, what leads into the tree of its file. */
const OF_SYMBOL = ['declarations', 'valueDeclaration', 'members', 'exports'] as const
const OF_MODULES_SYMBOL = ['exports'] as const
/** Of `declare module 'x' { ... }`, what is between the braces and before. */
const OF_MODULE = ['body', 'locals', 'nextContainer', 'jsDoc'] as const
/** Of a file, its text and its tree. */
const OF_FILE = ['text', 'statements', 'endOfFileToken', 'identifiers', 'nextContainer', 'commentDirectives'] as const
/** Of a file, what is made again when it is asked for. */
const NOT_KEPT = ['lineMap', 'nameTable', 'classifiableNames'] as const
const NO_REFERENCES = { imports: [], ambientModuleNames: [], referencedFiles: [], typeReferenceDirectives: [] }

/** Whether a file is a module: what it declares is nowhere but where it is imported. */
export function isModule(tree: Tree): boolean {
  return tree.externalModuleIndicator !== undefined
}

/** Reads a file that was put away, and binds its names. On its own, so that it holds nothing else in memory. */
export function parserOf(ts: Ts, options: TypeScript.CompilerOptions, readText: ReadText): Parse {
  return (path) => {
    const tree = ts.createSourceFile(path, readText(path) ?? '', options.target ?? ts.ScriptTarget.Latest) as Tree
    ;(ts as Ts & Internal).bindSourceFile(tree, options)
    return { tree, modules: modulesOf(tree, ts) }
  }
}

/** All `declare module 'x' { ... }` of a file. */
export function modulesOf(tree: Tree, ts: Ts): ModuleTree[] {
  return tree.statements.filter(
    (statement): statement is ModuleTree => ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name),
  )
}

/** A program follows no reference of the file to others; a type checker finds them as before. */
export function detach(tree: Tree, isLibrary: boolean): void {
  const modules = foundModules(tree)
  Object.defineProperty(tree, 'resolvedModules', { get: () => modules, set: () => {} })
  Object.assign(tree, NO_REFERENCES, { moduleAugmentations: tree.moduleAugmentations ?? [] })
  if (!isLibrary) Object.assign(tree, { libReferenceDirectives: [] })
}

function foundModules(tree: Tree): Map<string, { readonly resolvedModule: TypeScript.ResolvedModule }> {
  const modules = new Map<string, { readonly resolvedModule: TypeScript.ResolvedModule }>()
  tree.resolvedModules?.forEach(({ resolvedModule }, name) => {
    if (resolvedModule) modules.set(ownText(name), { resolvedModule })
  })
  return modules
}

/** A file whose tree is put away. */
export interface ShelvedFile {
  /** What stands in its place. */
  readonly tree: Tree
  /** That of the module which it is, else its global ones. */
  readonly symbols: readonly TypeSymbol[]
  /** Files that add to what it declares. */
  readonly additions: Set<Tree>
}

/** What stands in the place of a file: whoever asks for a part of its tree brings it back, with what other files add to it. */
export function putAway(whole: Tree, modules: readonly ModuleTree[], parse: Parse): ShelvedFile {
  const additions = new Set<Tree>()
  const symbols = isModule(whole) ? [whole.symbol!] : [...whole.locals!.values()]
  const named = new Set(isModule(whole) ? symbols : modules.map(({ symbol }) => symbol))
  const tree = bareOf(whole, open)
  for (const module of modules) {
    Object.assign(module, { parent: tree })
    Object.assign(module.name, { text: ownText(module.name.text) })
    for (const key of OF_MODULE) openFor(module, key)
  }
  const held = new Map<TypeSymbol, readonly string[]>()
  for (const symbol of symbols) {
    symbol.escapedName = ownText(symbol.escapedName as string) as TypeScript.__String
    const keys = (named.has(symbol) ? OF_MODULES_SYMBOL : OF_SYMBOL).filter((key) => symbol[key] !== undefined)
    held.set(symbol, keys)
    for (const key of keys) openFor(symbol, key)
  }
  if (isModule(whole)) Object.assign(whole.symbol!, { declarations: [tree], valueDeclaration: tree })
  return { tree, symbols, additions }

  function openFor(object: object, key: string): void {
    const get = () => {
      open()
      return (object as Record<string, unknown>)[key]
    }
    const set = (value: unknown) => settle(object, { [key]: value }, [key])
    Object.defineProperty(object, key, { get, set, configurable: true, enumerable: true })
  }

  function open(): void {
    const fresh = parse(tree.fileName)
    settle(tree, fresh.tree, OF_FILE)
    const statements = tree.statements as unknown as TypeScript.Node[]
    modules.forEach((module, at) => {
      const from = fresh.modules[at]
      settle(module, from ?? {}, OF_MODULE)
      for (const node of [module.body, ...(module.jsDoc ?? [])]) if (node) Object.assign(node, { parent: module })
      if (from) statements[statements.indexOf(from)] = module
    })
    for (const node of [...statements, tree.endOfFileToken]) Object.assign(node, { parent: tree })
    if (isModule(tree)) tree.locals = fresh.tree.locals!
    for (const symbol of symbols) {
      const from = isModule(tree) ? fresh.tree.symbol : fresh.tree.locals?.get(symbol.escapedName)
      settle(symbol, from ?? {}, held.get(symbol)!)
      for (const inner of [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])])
        if (inner.parent === from) inner.parent = symbol
      if (!named.has(symbol)) for (const node of symbol.declarations ?? []) Object.assign(node, { symbol })
    }
    for (const addition of additions) add(addition, tree)
  }
}

/** A file without its text and tree, which come when they are asked for. */
function bareOf(whole: Tree, open: () => void): Tree {
  const bare = Object.create(bareFiles(Object.getPrototypeOf(whole))) as Record<string, unknown>
  const left = new Set<string>([...OF_FILE, ...NOT_KEPT, 'resolvedModules'])
  for (const [key, value] of Object.entries(whole)) if (!left.has(key)) bare[key] = value
  const { moduleName } = whole
  if (isModule(whole)) Object.assign(bare, { externalModuleIndicator: true, locals: new Map() })
  return Object.assign(bare as unknown as Tree, NO_REFERENCES, {
    moduleAugmentations: [],
    libReferenceDirectives: [],
    pragmas: new Map(),
    moduleName: moduleName && ownText(moduleName),
    found: foundModules(whole),
    open,
  })
}

const bareKinds = new WeakMap<object, object>()

/** All of them share their getters: one with its own takes three times the memory. */
function bareFiles(kind: object): object {
  const known = bareKinds.get(kind)
  if (known) return known
  const getters = OF_FILE.map((key): [string, PropertyDescriptor] => [
    key,
    {
      get(this: { open: () => void }) {
        this.open()
        return (this as unknown as Record<string, unknown>)[key]
      },
      set(this: Tree, value: unknown) {
        settle(this, { [key]: value }, [key])
      },
    },
  ])
  const resolvedModules: PropertyDescriptor = {
    get(this: { found: unknown }) {
      return this.found
    },
    set: () => {},
  }
  const made = Object.create(kind, Object.fromEntries([...getters, ['resolvedModules', resolvedModules]]))
  bareKinds.set(kind, made)
  return made
}

/** A part of a text keeps all of it in memory; this one does not. */
function ownText(text: string): string {
  return Buffer.from(text).toString()
}

function settle(object: object, from: object, keys: readonly string[]): void {
  for (const key of keys) {
    const value = (from as Record<string, unknown>)[key]
    Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: true })
  }
}

/** `declare module './x' { ... }` of a file, put into that module, as a type checker does it. */
function add(addition: Tree, to: Tree): void {
  for (const statement of addition.statements) {
    const { symbol } = statement as unknown as { symbol?: TypeSymbol }
    const name = (statement as Partial<TypeScript.ModuleDeclaration>).name
    if (name === undefined || !('text' in name) || !symbol?.exports) continue
    merge(to.symbol!, symbol)
    Object.assign(statement, { symbol: to.symbol })
  }
}

function merge(target: TypeSymbol, source: TypeSymbol): void {
  for (const table of ['members', 'exports'] as const) {
    for (const [name, symbol] of source[table] ?? []) {
      target[table] ??= new Map()
      const known = target[table].get(name)
      if (known === undefined) {
        target[table].set(name, symbol)
        symbol.parent = target
        continue
      }
      known.flags |= symbol.flags
      known.declarations = [...(known.declarations ?? []), ...(symbol.declarations ?? [])]
      for (const node of symbol.declarations ?? []) Object.assign(node, { symbol: known })
      merge(known, symbol)
    }
  }
}
