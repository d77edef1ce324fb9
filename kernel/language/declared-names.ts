import type * as TypeScript from '@tslab/typescript-for-tslab'

type Ts = typeof TypeScript

/**
 * What later cells know after one that failed: its declarations, but for the names in `kept`, which are still what `before`
 * declares. Both are texts of declarations, as tslab's converter gives and takes them.
 */
export function declaredAfterFailure(before: string, after: string, kept: ReadonlySet<string>, ts: Ts): string {
  if (kept.size === 0) return after
  return `${split(after, kept, ts).others}${split(before, kept, ts).chosen}`
}

/** The declarations of some values, and all others. */
function split(text: string, names: ReadonlySet<string>, ts: Ts): { readonly chosen: string; readonly others: string } {
  const file = ts.createSourceFile('declared.d.ts', text, ts.ScriptTarget.Latest, true)
  const printer = ts.createPrinter({ newLine: ts.NewLineKind.LineFeed })
  const print = (isChosen: boolean) => {
    const wanted = (name: TypeScript.Node | undefined) => isChosen === names.has(name?.getText(file) ?? '')
    return file.statements
      .map((statement) => partOf(statement, wanted, ts))
      .map((part) => (part ? `${printer.printNode(ts.EmitHint.Unspecified, part, file)}\n` : ''))
      .join('')
  }
  return { chosen: print(true), others: print(false) }
}

/** The part of a statement that declares wanted names; a statement that declares no value has no name. */
function partOf(
  statement: TypeScript.Statement,
  wanted: (name: TypeScript.Node | undefined) => boolean,
  ts: Ts,
): TypeScript.Statement | undefined {
  const { factory } = ts
  if (ts.isVariableStatement(statement)) {
    const { modifiers, declarationList: list } = statement
    const declarations = list.declarations.filter(({ name }) => wanted(name))
    if (declarations.length === 0) return undefined
    return factory.updateVariableStatement(
      statement,
      modifiers,
      factory.updateVariableDeclarationList(list, declarations),
    )
  }
  if (ts.isImportDeclaration(statement) && statement.importClause) {
    const { modifiers, importClause: clause, moduleSpecifier, assertClause } = statement
    const { namedBindings: bindings } = clause
    const name = wanted(clause.name) ? clause.name : undefined
    const elements =
      bindings && ts.isNamedImports(bindings) ? bindings.elements.filter((each) => wanted(each.name)) : []
    const named =
      bindings && ts.isNamespaceImport(bindings)
        ? wanted(bindings.name) && bindings
        : elements.length > 0 && factory.createNamedImports(elements)
    if (!name && !named) return undefined
    const part = factory.updateImportClause(clause, clause.isTypeOnly, name, named || undefined)
    return factory.updateImportDeclaration(statement, modifiers, part, moduleSpecifier, assertClause)
  }
  const isValue =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement)
  return wanted(isValue ? statement.name : undefined) ? statement : undefined
}
