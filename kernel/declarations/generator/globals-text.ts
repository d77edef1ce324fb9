import ts from '@tslab/typescript-for-tslab'
import type { ModuleText } from './module-text.ts'
import { docOf, indented, proseOf } from './source-text.ts'
import { placeOf } from './type-text.ts'

/** One of them, as readers are told of it. */
export interface Global {
  readonly name: string
  readonly type: string
  /** Prose. */
  readonly doc: string
}

/** What a session's cells find without an import. */
export interface GlobalsText {
  readonly globals: readonly Global[]
  /** `global { ... }` and the imports that it needs: parts of the session's module. */
  readonly parts: readonly string[]
  /** Modules that several packages are put together in. */
  readonly modules: readonly string[]
}

/**
 * The members of an interface as globals. One that is a whole package, or several in one (`typeof import('a') & typeof
 * import('b')`), is a namespace: what cells write includes `tf.Tensor` as a type.
 */
export function globalsText(
  checker: ts.TypeChecker,
  module: ModuleText,
  globals: ts.InterfaceDeclaration,
): GlobalsText {
  const imports: string[] = []
  const modules: string[] = []
  const all: Global[] = []
  const members = globals.members.map((member) => {
    if (!ts.isPropertySignature(member) || !member.type || !ts.isIdentifier(member.name))
      throw new Error(`${placeOf(member)}: a global is a property with a type`)
    const name = member.name.text
    const packages = packagesOf(checker, member.type)
    const type = packages?.join(', ') ?? module.nodes.type(member.type)
    all.push({ name, type, doc: proseOf(docOf(member)) })
    if (packages === undefined) return `${docOf(member)}const ${name}: ${type}`
    const whole = packages.length === 1 ? packages[0]! : `${module.name}/${name}`
    if (packages.length > 1) {
      const parts = packages.map((from) => `  export * from '${from}'`)
      modules.push(`declare module '${whole}' {\n${parts.join('\n')}\n}`)
    }
    // Not `import *`: a type checker would look into all of it whenever it looks at what is global.
    imports.push(`import ${name}Package = require('${whole}')`)
    return `${docOf(member)}export import ${name} = ${name}Package`
  })
  return { globals: all, parts: [imports.join('\n'), `global {\n${indented(members.join('\n'))}\n}`], modules }
}

/** The packages that a type is made of; `undefined` of any other type. */
function packagesOf(checker: ts.TypeChecker, node: ts.TypeNode): readonly string[] | undefined {
  if (ts.isImportTypeNode(node) && node.isTypeOf && !node.qualifier && ts.isLiteralTypeNode(node.argument))
    return ts.isStringLiteral(node.argument.literal) ? [node.argument.literal.text] : undefined
  if (ts.isIntersectionTypeNode(node)) {
    const parts = node.types.map((part) => packagesOf(checker, part))
    return parts.every((part) => part !== undefined) ? parts.flatMap((part) => part!) : undefined
  }
  if (!ts.isTypeReferenceNode(node)) return undefined
  const symbol = checker.getSymbolAtLocation(node.typeName)
  const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const alias = target?.declarations?.find(ts.isTypeAliasDeclaration)
  return alias && packagesOf(checker, alias.type)
}
