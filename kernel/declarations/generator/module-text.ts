import ts from '@tslab/typescript-for-tslab'
import { type Named, Names } from './names.ts'
import { hasOverloads, NodeText } from './node-text.ts'
import { indented } from './source-text.ts'
import { TypeText } from './type-text.ts'

/** A module of the file that is written, and what it declares, for whoever else tells of it. */
export interface WrittenModule {
  readonly name: string
  readonly text: string
  readonly names: Names
  readonly declarations: readonly { readonly named: Named; readonly text: string }[]
}

/** `declare module 'NAME' { ... }` with everything that `entry` exports and all that this speaks of. */
export function writeModule(
  program: ts.Program,
  name: string,
  entry: string,
  isOurs: (file: ts.SourceFile) => boolean,
  others: ReadonlyMap<string, Names>,
): WrittenModule {
  const checker = program.getTypeChecker()
  const names = new Names(checker, isOurs, others)
  const nodes = new NodeText(checker, names, new TypeText(checker, names))
  const source = program.getSourceFile(entry)!
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(source)!)) {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
    names.declare(isAlias ? checker.getAliasedSymbol(symbol) : symbol, symbol.name, true, !isTypeOnly(symbol))
  }
  const declarations: { named: Named; text: string }[] = []
  for (const named of names.declared()) {
    const texts = (named.symbol.declarations ?? [])
      .filter((node) => !('body' in node && node.body) || !hasOverloads(checker, node))
      .map((node) => nodes.declaration(node, named.name, named.isValue))
    declarations.push({ named, text: texts.join('\n') })
  }
  const body = [importsOf(names), ...declarations.map(({ text }) => text)].filter((text) => text !== '')
  return { name, names, declarations, text: `declare module '${name}' {\n${indented(body.join('\n\n'))}\n}` }
}

/** Whether an export is of a type alone, itself or by its statement. */
function isTypeOnly(symbol: ts.Symbol): boolean {
  const declaration = symbol.declarations?.[0]
  return (
    declaration !== undefined &&
    ts.isExportSpecifier(declaration) &&
    (declaration.isTypeOnly || declaration.parent.parent.isTypeOnly)
  )
}

function importsOf(names: Names): string {
  return [...names.imports()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([from, imported]) => {
      const star = imported.get('*')
      if (star !== undefined) return `import type * as ${star} from '${from}'`
      const named = [...imported].sort().map(([name, local]) => (name === local ? name : `${name} as ${local}`))
      return `import type { ${named.join(', ')} } from '${from}'`
    })
    .join('\n')
}
