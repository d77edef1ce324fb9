import ts from '@tslab/typescript-for-tslab'
import { placeOf } from './type-text.ts'

/** What a name of ours stands for, and where it is to be written. */
export interface Named {
  readonly symbol: ts.Symbol
  readonly name: string
  /** Shown to users by its module, not only met in what is. */
  readonly isPublic: boolean
  readonly isValue: boolean
}

/** Names of one module of the file that is written: what it declares, in the order of being met, and what it imports. */
export class Names {
  readonly #checker: ts.TypeChecker
  /** Whether a source file's declarations are written into this module. */
  readonly #isOurs: (file: ts.SourceFile) => boolean
  /** Modules of the same file that were written before: their names are imported. */
  readonly #others: ReadonlyMap<string, Names>
  readonly #named = new Map<ts.Symbol, Named>()
  readonly #taken = new Map<string, ts.Symbol>()
  readonly #imports = new Map<string, Map<string, string>>()

  constructor(
    checker: ts.TypeChecker,
    isOurs: (file: ts.SourceFile) => boolean,
    others: ReadonlyMap<string, Names> = new Map(),
  ) {
    this.#checker = checker
    this.#isOurs = isOurs
    this.#others = others
  }

  /** All that is declared; grows while what was declared before is written. */
  declared(): Iterable<Named> {
    return this.#named.values()
  }

  /** `import type` clauses of the module, by what they import from: local names by imported ones. */
  imports(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.#imports
  }

  declare(symbol: ts.Symbol, name: string, isPublic: boolean, isValue: boolean): void {
    const other = this.#taken.get(name)
    const at = symbol.declarations?.[0]
    if (other !== undefined && other !== symbol)
      throw new Error(
        `${at && placeOf(at)}: ${name} is the name of two things; rename one, or export it by another name`,
      )
    this.#taken.set(name, symbol)
    this.#named.set(symbol, { symbol, name, isPublic, isValue })
  }

  /** Whether a name is zod's `infer`, `input` or `output`: a type that a schema gives. */
  isInferred(entity: ts.EntityName): boolean {
    return (
      ts.isQualifiedName(entity) && entity.left.getText() === 'z' && /^(?:infer|input|output)$/.test(entity.right.text)
    )
  }

  /** How what `symbol` stands for is called in this module; `undefined` of what is global or a type parameter. */
  of(symbol: ts.Symbol | undefined): string | undefined {
    if (symbol === undefined) return undefined
    if (symbol.flags & ts.SymbolFlags.Alias) return this.#ofImport(symbol)
    const known = this.#named.get(symbol)
    if (known) return known.name
    const declaration = symbol.declarations?.[0]
    if (!declaration || !(symbol.flags & DECLARED)) return undefined
    const file = declaration.getSourceFile()
    if (this.#isOurs(file)) {
      this.declare(symbol, symbol.name, false, false)
      return symbol.name
    }
    for (const [module, names] of this.#others) {
      const name = names.#isOurs(file) ? names.of(symbol) : undefined
      if (name !== undefined) return this.#import(module, name, name)
    }
    return undefined
  }

  /** For {@link TypeText}: a name for a type of ours, none for structures of the compiler's and zod's. */
  nameOf(symbol: ts.Symbol): string | undefined {
    return this.of(symbol)
  }

  #ofImport(alias: ts.Symbol): string | undefined {
    const target = this.#checker.getAliasedSymbol(alias)
    if (target.declarations?.some((declaration) => this.#isOurs(declaration.getSourceFile()))) return this.of(target)
    for (let at: ts.Symbol | undefined = alias; at; at = this.#checker.getImmediateAliasedSymbol(at)) {
      if (!(at.flags & ts.SymbolFlags.Alias)) return this.of(at)
      const declaration = at.declarations![0]!
      const from = moduleOf(declaration)
      if (from !== undefined && !from.startsWith('.')) return this.#import(from, importedName(declaration), alias.name)
    }
    return undefined
  }

  #import(from: string, imported: string, local: string): string {
    const names = this.#imports.get(from) ?? new Map<string, string>()
    this.#imports.set(from, names)
    const known = names.get(imported)
    if (known !== undefined) return known
    names.set(imported, local)
    return local
  }
}

const DECLARED =
  ts.SymbolFlags.Class |
  ts.SymbolFlags.Interface |
  ts.SymbolFlags.TypeAlias |
  ts.SymbolFlags.Function |
  ts.SymbolFlags.RegularEnum |
  ts.SymbolFlags.Variable

function moduleOf(node: ts.Node): string | undefined {
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    if (
      (ts.isImportDeclaration(at) || ts.isExportDeclaration(at)) &&
      at.moduleSpecifier &&
      ts.isStringLiteral(at.moduleSpecifier)
    )
      return at.moduleSpecifier.text
  }
  return undefined
}

/** `*` of a namespace, `default`, or the name in braces. */
function importedName(node: ts.Node): string {
  if (ts.isNamespaceImport(node)) return '*'
  if (ts.isImportClause(node)) return 'default'
  if (ts.isImportSpecifier(node) || ts.isExportSpecifier(node)) return (node.propertyName ?? node.name).text
  throw new Error(`${placeOf(node)}: no rule for ${ts.SyntaxKind[node.kind]} as an import`)
}
