import ts from '@tslab/typescript-for-tslab'
import { type Named, Names } from './names.ts'
import { hasOverloads, NodeText } from './node-text.ts'
import { indented } from './source-text.ts'
import { type Shapes, TypeText } from './type-text.ts'

/** What a declaration is, and how it is written. */
export interface Declared {
  readonly named: Named
  readonly text: string
}

/** One `declare module` of the file that is written. */
export class ModuleText {
  readonly name: string
  readonly names: Names
  readonly nodes: NodeText
  readonly #checker: ts.TypeChecker

  constructor(
    checker: ts.TypeChecker,
    shapes: Shapes,
    name: string,
    isOurs: (file: ts.SourceFile) => boolean,
    others: readonly ModuleText[] = [],
  ) {
    this.name = name
    this.#checker = checker
    this.names = new Names(checker, isOurs, new Map(others.map((other) => [other.name, other.names])))
    this.nodes = new NodeText(checker, this.names, new TypeText(checker, this.names, shapes))
  }

  /** Declares everything that a source exports, by the names that it gives. */
  declareExports(source: ts.SourceFile): void {
    for (const symbol of this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(source)!)) {
      const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0
      this.names.declare(
        isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol,
        symbol.name,
        true,
        !isTypeOnly(symbol),
      )
    }
  }

  /** All that was declared, in its order, and then what that speaks of in its turn, by name. */
  declarations(): Declared[] {
    const written: Declared[] = []
    for (const named of this.names.declared()) {
      const texts = (named.symbol.declarations ?? [])
        .filter((node) => !('body' in node && node.body) || !hasOverloads(node))
        .map((node) => this.nodes.declaration(node, named.name, named.isValue))
      written.push({ named, text: texts.join('\n') })
    }
    const rest = written.filter(({ named }) => !named.isPublic)
    return [
      ...written.filter(({ named }) => named.isPublic),
      ...rest.sort((a, b) => (a.named.name < b.named.name ? -1 : 1)),
    ]
  }
}

/** `declare module 'NAME' { ... }`, with the imports that its parts need. */
export function moduleText({ name, names }: ModuleText, parts: readonly string[]): string {
  const body = [importsOf(names), ...parts].filter((text) => text !== '')
  return `declare module '${name}' {\n${indented(body.join('\n\n'))}\n}`
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
