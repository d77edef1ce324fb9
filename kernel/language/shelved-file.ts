import type * as TypeScript from '@tslab/typescript-for-tslab'

import { hideDocs, revealDocs } from './lazy-docs.ts'

type Ts = typeof TypeScript
type Names = Map<TypeScript.__String, TypeSymbol>

/** A symbol with what TypeScript has and does not declare. */
export interface TypeSymbol extends TypeScript.Symbol {
  members?: Names
  exports?: Names
  globalExports?: Names
  parent?: TypeSymbol | undefined
  exportSymbol?: TypeSymbol
  constEnumOnlyModule?: boolean
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
  /** Files of TypeScript's library by their short names. */
  readonly libMap: ReadonlyMap<string, string>
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
    const text = hideDocs(readText(path) ?? '')
    const tree = ts.createSourceFile(path, text, options.target ?? ts.ScriptTarget.Latest) as Tree
    ;(ts as Ts & Internal).bindSourceFile(tree, options)
    revealDocs(tree)
    return { tree, modules: modulesOf(tree, ts) }
  }
}

/** All `declare module 'x' { ... }` of a file. */
export function modulesOf(tree: Tree, ts: Ts): ModuleTree[] {
  return tree.statements.filter(
    (statement): statement is ModuleTree => ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name),
  )
}

/**
 * A program follows no reference of the file to others; a type checker finds them as before. Those of a file of TypeScript's library
 * to others of it are kept, as what they lead to: for the name of one a program looks for a package that would replace it.
 */
export function detach(tree: Tree, isLibrary: boolean, ts: Ts): void {
  const modules = foundModules(tree)
  Object.defineProperty(tree, 'resolvedModules', { get: () => modules, set: () => {} })
  const { libMap } = ts as Ts & Internal
  const referencedFiles = (isLibrary ? tree.libReferenceDirectives : []).flatMap((reference) => {
    const fileName = libMap.get(reference.fileName.toLowerCase())
    return fileName === undefined ? [] : [{ ...reference, fileName }]
  })
  const { moduleAugmentations = [] } = tree
  Object.assign(tree, NO_REFERENCES, { libReferenceDirectives: [], referencedFiles, moduleAugmentations })
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
  /** What it exports, when it is a module; else its global ones. */
  readonly names: ReadonlyMap<TypeScript.__String, TypeSymbol>
  /** Files that add to what it declares. */
  readonly additions: Set<Tree>
}

/** What stands in the place of a file: whoever asks for a part of its tree brings it back, with what other files add to it. */
export function putAway(whole: Tree, modules: readonly ModuleTree[], parse: Parse): ShelvedFile {
  const additions = new Set<Tree>()
  const isOfModule = isModule(whole)
  const module = whole.symbol
  const tree = bareFile(whole, open)
  const names: Names = new Map()
  for (const [name, symbol] of (isOfModule ? module!.exports : whole.locals)!) {
    const nodes = modules.filter((node) => node.symbol === symbol)
    const bare = bareSymbol(symbol, nodes, open)
    for (const node of nodes) Object.assign(node, { symbol: bare })
    names.set(ownText(name as string) as TypeScript.__String, bare)
  }
  for (const node of modules) {
    Object.assign(node, { parent: tree })
    Object.assign(node.name, { text: ownText(node.name.text) })
    for (const key of OF_MODULE) openFor(node, key)
  }
  if (isOfModule) Object.assign(module!, { declarations: [tree], valueDeclaration: tree, exports: names })
  else tree.locals = names
  return { tree, names, additions }

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
    modules.forEach((node, at) => {
      const from = fresh.modules[at]
      settle(node, from ?? {}, OF_MODULE)
      for (const inner of [node.body, ...(node.jsDoc ?? [])]) if (inner) Object.assign(inner, { parent: node })
      if (from) statements[statements.indexOf(from)] = node
    })
    for (const node of [...statements, tree.endOfFileToken]) Object.assign(node, { parent: tree })
    const known = new Map<TypeSymbol, TypeSymbol>()
    const freshNames = isOfModule ? fresh.tree.symbol?.exports : fresh.tree.locals
    for (const [name, symbol] of names) {
      const from = freshNames?.get(name)
      if (from) known.set(from, symbol)
      const isKept = modules.some((node) => node.symbol === symbol)
      settle(symbol, from ?? {}, isKept ? OF_MODULES_SYMBOL : OF_SYMBOL)
      for (const inner of [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])])
        if (inner.parent === from) inner.parent = symbol
      if (!isKept) for (const node of symbol.declarations ?? []) Object.assign(node, { symbol })
    }
    if (isOfModule) {
      tree.locals = fresh.tree.locals!
      for (const local of tree.locals.values())
        if (local.exportSymbol) local.exportSymbol = known.get(local.exportSymbol) ?? local.exportSymbol
    }
    for (const addition of additions) add(addition, tree)
  }
}

/** A file without its text and tree, which come when they are asked for. */
function bareFile(whole: Tree, open: () => void): Tree {
  const bare = bareOf(whole, OF_FILE, open, RESOLVED)
  const left = new Set<string>([...OF_FILE, ...NOT_KEPT, 'resolvedModules'])
  for (const [key, value] of Object.entries(whole)) if (!left.has(key)) bare[key] = value
  const { moduleName } = whole
  if (isModule(whole)) Object.assign(bare, { externalModuleIndicator: true, locals: new Map() })
  return Object.assign(bare as unknown as Tree, NO_REFERENCES, {
    found: foundModules(whole),
    moduleAugmentations: [],
    libReferenceDirectives: [],
    pragmas: new Map(),
    moduleName: moduleName && ownText(moduleName),
  })
}

/** A symbol without what it is declared by; one of `declare module 'x'` only without what that declares. */
function bareSymbol(symbol: TypeSymbol, modules: readonly ModuleTree[], open: () => void): TypeSymbol {
  const keys = (modules.length > 0 ? OF_MODULES_SYMBOL : OF_SYMBOL).filter((key) => symbol[key] !== undefined)
  const bare = bareOf(symbol, keys, open) as unknown as TypeSymbol
  const { flags, parent, constEnumOnlyModule } = symbol
  const escapedName = ownText(symbol.escapedName as string) as TypeScript.__String
  Object.assign(bare, { id: 0, mergeId: 0, flags, escapedName, parent })
  if (constEnumOnlyModule !== undefined) bare.constEnumOnlyModule = constEnumOnlyModule
  return modules.length > 0 ? Object.assign(bare, { declarations: modules, valueDeclaration: modules[0] }) : bare
}

/** What a file's imports are, which no program may set anew. */
const RESOLVED: PropertyDescriptorMap = {
  resolvedModules: {
    get(this: { found: unknown }) {
      return this.found
    },
    set: () => {},
  },
}
const bareKinds = new WeakMap<object, Map<string, object>>()

/** An object whose properties open a file: they share their getters, as one with its own takes three times the memory. */
function bareOf(
  whole: object,
  keys: readonly string[],
  open: () => void,
  others: PropertyDescriptorMap = {},
): Record<string, unknown> {
  const kind = Object.getPrototypeOf(whole) as object
  const kinds = bareKinds.get(kind) ?? new Map<string, object>()
  bareKinds.set(kind, kinds)
  const known = kinds.get(keys.join())
  if (known) return Object.assign(Object.create(known), { open })
  const getters = keys.map((key): [string, PropertyDescriptor] => [
    key,
    {
      get(this: { open: () => void }) {
        this.open()
        return (this as unknown as Record<string, unknown>)[key]
      },
      set(this: object, value: unknown) {
        settle(this, { [key]: value }, [key])
      },
    },
  ])
  const made = Object.create(kind, { ...Object.fromEntries(getters), ...others })
  kinds.set(keys.join(), made)
  return Object.assign(Object.create(made), { open })
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
