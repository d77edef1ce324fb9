import type * as TypeScript from '@tslab/typescript-for-tslab'
import { revealDocs } from './lazy-docs.ts'
import {
  detach,
  type Internal,
  isModule,
  modulesOf,
  parserOf,
  putAway,
  type ReadText,
  type ShelvedFile,
  type Tree,
  type TypeSymbol,
} from './shelved-file.ts'

type Ts = typeof TypeScript
type SourceFile = TypeScript.SourceFile

/** `declare global { ... }` */
interface GlobalTree extends TypeScript.Node {
  readonly symbol: TypeSymbol
}

/** Files whose trees are put away, and how to have them back. */
export interface ShelfInit {
  readonly ts: Ts
  /** A program without a cell: of what is read once for all cells. */
  readonly program: TypeScript.Program
  /** Which of its files. */
  readonly files: readonly SourceFile[]
  readonly readText: ReadText
  /** The path of a file, which is nowhere, for the global names of files that are put away. */
  readonly namesFile: string
}

/** What a program needs of files whose trees were put away. */
export interface Shelf {
  /** What every program has besides TypeScript's library: what stayed as it was, and the names of the others. */
  readonly roots: readonly SourceFile[]
  /** What stands in the place of files, by path: found when a cell asks for one. */
  readonly shelved: ReadonlyMap<string, SourceFile>
  /** Global names of files that have packages among them, such as `tf`. */
  readonly packageNames: readonly PackageNames[]
}

/** Global names that a file declares. */
export interface PackageNames {
  readonly names: readonly string[]
  /** Has type checkers that begin know those of packages, or not know them. */
  show(known: boolean): void
}

/**
 * Puts the trees of declaration files away until something in them is looked at: of the declarations of Node, TensorFlow.js,
 * Arrow and the session, some 290,000 nodes, most cells look at none. What stays of a file is its symbols by name: of a global
 * one its kind, of a module that it is one. When the compiler goes on from there, which it does by few properties of a symbol, the
 * file is read, parsed and bound again, and its tree stays.
 *
 * Files that add to what others declare stay as they are (most of TypeScript's library, the globals of Node), as each type checker
 * merges them first of all. References between files are taken away, so that a program has few files to look through.
 */
export function shelve({ ts, program, files, readText, namesFile }: ShelfInit): Shelf {
  const options = program.getCompilerOptions()
  for (const file of files) {
    ;(ts as Ts & Internal).bindSourceFile(file, options)
    revealDocs(file)
  }
  const isLibrary = (tree: Tree) => program.isSourceFileDefaultLibrary(tree)
  const trees = files as readonly Tree[]
  const kept = keptOf(trees, isLibrary, ts)
  const parse = parserOf(ts, options, readText)
  const shelved = new Map<string, ShelvedFile>()
  const names = ts.createSourceFile(namesFile, '', ts.ScriptTarget.Latest) as Tree
  names.locals = new Map()
  const targets = new Map(trees.map((tree) => [tree.fileName, addedTo(tree)]))
  for (const tree of trees) {
    if (kept.has(tree)) continue
    const file = putAway(tree, isModule(tree) ? [] : modulesOf(tree, ts), parse)
    if (!isModule(tree)) for (const [name, symbol] of file.names) names.locals.set(name, symbol)
    shelved.set(tree.fileName, file)
  }
  for (const [from, { tree }] of shelved) for (const path of targets.get(from)!) shelved.get(path!)!.additions.add(tree)
  for (const tree of [...kept, names]) detach(tree, isLibrary(tree), ts)
  return {
    roots: [...[...kept].filter((tree) => !isLibrary(tree)), names],
    shelved: new Map([...shelved].map(([path, { tree }]) => [path, tree])),
    packageNames: [...kept].flatMap((tree) =>
      globalAdditions(tree, ts).flatMap(({ symbol }) => packageNames(symbol, ts)),
    ),
  }
}

function packageNames({ exports: names }: TypeSymbol, ts: Ts): PackageNames[] {
  const packages = [...names!].filter(([, { flags }]) => (flags & ts.SymbolFlags.Alias) !== 0)
  if (packages.length === 0) return []
  const show = (known: boolean) => {
    for (const [name, symbol] of packages) known ? names!.set(name, symbol) : names!.delete(name)
  }
  return [{ names: [...names!.keys()] as string[], show }]
}

/** All `declare global { ... }` of a file. */
function globalAdditions({ moduleAugmentations }: Tree, ts: Ts): GlobalTree[] {
  return moduleAugmentations
    .map(({ parent }) => parent as TypeScript.Node as GlobalTree)
    .filter((node) => (ts as Ts & Internal).isGlobalScopeAugmentation(node))
}

/** Files that stay as they are. */
function keptOf(trees: readonly Tree[], isLibrary: (tree: Tree) => boolean, ts: Ts): Set<Tree> {
  const declared = new Map<TypeScript.__String, number>()
  for (const tree of trees) {
    const tables = globalAdditions(tree, ts).map(({ symbol }) => symbol.exports)
    for (const names of isModule(tree) ? tables : [tree.locals, ...tables])
      for (const name of names?.keys() ?? []) declared.set(name, (declared.get(name) ?? 0) + 1)
  }
  const kept = new Set(
    trees.filter(
      (tree) =>
        isLibrary(tree) ||
        tree.redirectInfo !== undefined ||
        tree.patternAmbientModules !== undefined ||
        tree.symbol?.globalExports !== undefined ||
        globalAdditions(tree, ts).length > 0 ||
        (!isModule(tree) && [...tree.locals!.keys()].some((name) => declared.get(name) !== 1)),
    ),
  )
  const paths = new Map(trees.filter(isModule).map((tree) => [tree.fileName, tree]))
  for (const tree of trees) {
    const isFound = (path: string | undefined) => path !== undefined && paths.has(path) && !kept.has(paths.get(path)!)
    if (!addedTo(tree).every(isFound)) kept.add(tree)
  }
  return kept
}

/** The files of modules that a file adds to, by `declare module './x'`. */
function addedTo({ moduleAugmentations, resolvedModules }: Tree): (string | undefined)[] {
  return moduleAugmentations
    .filter((name): name is TypeScript.StringLiteral => 'text' in name)
    .map(({ text }) => resolvedModules?.get(text)?.resolvedModule?.resolvedFileName)
}
