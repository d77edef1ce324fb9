import ts from '@tslab/typescript-for-tslab'
import type { Names } from './names.ts'
import { docOf, type Edit, editedText, indented, outdented } from './source-text.ts'
import { isBuffer, placeOf, type TypeText } from './type-text.ts'

/** Writes declarations of the sources as a declaration file has them: as they are written there, without what runs. */
export class NodeText {
  readonly #checker: ts.TypeChecker
  readonly #names: Names
  readonly #types: TypeText

  constructor(checker: ts.TypeChecker, names: Names, types: TypeText) {
    this.#checker = checker
    this.#names = names
    this.#types = types
  }

  /** One declaration, with its doc comment. `isValue`: whether it can be used at run time; a class that cannot is an interface. */
  declaration(node: ts.Declaration, name: string, isValue: boolean): string {
    const doc = docOf(node)
    if (ts.isInterfaceDeclaration(node)) return doc + this.#interface(node, name)
    if (ts.isTypeAliasDeclaration(node))
      return `${doc}type ${name}${this.#typeParameters(node)} = ${this.type(node.type)}`
    if (ts.isClassDeclaration(node)) return doc + this.#class(node, name, isValue)
    if (ts.isFunctionDeclaration(node)) return `${doc}function ${name}${this.signature(node)}`
    if (ts.isVariableDeclaration(node)) return `${doc}const ${name}: ${this.#typeOf(node)}`
    if (ts.isEnumDeclaration(node))
      return `${doc}enum ${name} ${block(node.members.map((member) => `${docOf(member)}${member.getText()},`))}`
    throw new Error(`${placeOf(node)}: no rule for ${ts.SyntaxKind[node.kind]} in a declaration file`)
  }

  /** A type as it stands in the source, with the names that it has in the file that is written. */
  type(node: ts.Node): string {
    const edits: Edit[] = []
    this.#collect(node, edits)
    return outdented(editedText(node, edits))
  }

  /** `<T>(a: A): R` of a function or a method. */
  signature(node: ts.SignatureDeclaration): string {
    const result = ts.isConstructorDeclaration(node) ? '' : `: ${this.#resultOf(node)}`
    return `${this.#typeParameters(node)}(${this.#parameters(node).join(', ')})${result}`
  }

  #resultOf(node: ts.SignatureDeclaration): string {
    if (node.type) return this.type(node.type)
    return this.#types.write(this.#checker.getSignatureFromDeclaration(node)!.getReturnType(), node)
  }

  #typeParameters(node: { readonly typeParameters?: ts.NodeArray<ts.TypeParameterDeclaration> | undefined }): string {
    const parameters = (node.typeParameters ?? []).map((parameter) => this.type(parameter))
    return parameters.length === 0 ? '' : `<${parameters.join(', ')}>`
  }

  #parameters({ parameters }: ts.SignatureDeclaration): string[] {
    const taken = new Set(parameters.map(({ name }) => name.getText()))
    return parameters.map((parameter, at) => {
      const name = ts.isIdentifier(parameter.name) ? parameter.name.text : freeName(parameter, taken)
      const isRequired = parameters
        .slice(at)
        .some((later) => !(later.initializer ?? later.questionToken ?? later.dotDotDotToken))
      const optional = parameter.dotDotDotToken || isRequired ? '' : '?'
      return `${parameter.dotDotDotToken ? '...' : ''}${name}${optional}: ${this.#typeOf(parameter)}`
    })
  }

  #typeOf(node: ts.VariableDeclaration | ts.ParameterDeclaration | ts.PropertyDeclaration): string {
    if (node.type) return this.type(node.type)
    const type = this.#checker.getTypeAtLocation(node)
    return this.#types.write(type, node)
  }

  #interface(node: ts.InterfaceDeclaration, name: string): string {
    const heritage = (node.heritageClauses ?? []).map((clause) => ` ${this.type(clause)}`).join('')
    const members = node.members.map((member) => this.#member(member))
    return `interface ${name}${this.#typeParameters(node)}${heritage} ${block(members)}`
  }

  #class(node: ts.ClassDeclaration, name: string, isValue: boolean): string {
    const clauses = (node.heritageClauses ?? []).map((clause) => this.type(clause))
    const heritage = isValue ? clauses.map((clause) => ` ${clause}`).join('') : extendsOf(clauses)
    const members = node.members
      .filter((member) => isShown(member) && (isValue || !isOfConstructor(member)))
      .filter((member) => !('body' in member && member.body) || !hasOverloads(member))
      .map((member) => this.#member(member, isValue))
    return `${isValue ? 'class' : 'interface'} ${name}${this.#typeParameters(node)}${heritage} ${block(members)}`
  }

  #member(node: ts.TypeElement | ts.ClassElement, isClass = false): string {
    const doc = docOf(node)
    if (ts.isConstructorDeclaration(node)) return `${doc}constructor${this.signature(node)}`
    if (ts.isGetAccessorDeclaration(node)) return `${doc}readonly ${this.#nameOf(node)}: ${this.#resultOf(node)}`
    if (ts.isSetAccessorDeclaration(node)) throw new Error(`${placeOf(node)}: no rule for a setter`)
    const isStatic = isClass && ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Static ? 'static ' : ''
    if (ts.isMethodDeclaration(node) || ts.isMethodSignature(node))
      return `${doc}${isStatic}${this.#nameOf(node)}${node.questionToken ? '?' : ''}${this.signature(node)}`
    if (ts.isPropertyDeclaration(node)) {
      const readonly = ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Readonly ? 'readonly ' : ''
      return `${doc}${isStatic}${readonly}${this.#nameOf(node)}${node.questionToken ? '?' : ''}: ${this.#typeOf(node)}`
    }
    return doc + this.type(node)
  }

  #nameOf(node: ts.ClassElement | ts.TypeElement): string {
    return this.type(node.name!)
  }

  /** The edits within `node`: names, and what an older compiler or a reader would not know. */
  #collect(node: ts.Node, edits: Edit[]): void {
    const replace = (by: string, what = node) => edits.push({ start: what.getStart(), end: what.getEnd(), text: by })
    if (ts.isTypeReferenceNode(node) && this.#names.isInferred(node.typeName))
      return void replace(this.#types.writeOut(this.#checker.getTypeFromTypeNode(node), node))
    if (isOfValues(node)) return void replace(this.#types.write(this.#checker.getTypeFromTypeNode(node), node))
    if (ts.isTypeReferenceNode(node) && node.typeArguments && isBuffer(node.typeName.getText()))
      return void replace(node.typeName.getText())
    if (ts.isImportTypeNode(node) && !node.isTypeOf && ts.isLiteralTypeNode(node.argument)) {
      const name = node.qualifier && this.#names.of(this.#checker.getSymbolAtLocation(node.qualifier))
      if (name !== undefined) edits.push({ start: node.getStart(), end: node.qualifier!.getEnd(), text: name })
      for (const argument of node.typeArguments ?? []) this.#collect(argument, edits)
      return
    }
    const entity = entityOf(node)
    if (entity) {
      const root = rootOf(entity)
      const name = this.#names.of(this.#checker.getSymbolAtLocation(root))
      if (name !== undefined && name !== root.text) replace(name, root)
    }
    node.forEachChild((child) => (child === entity ? undefined : this.#collect(child, edits)))
  }
}

/** The name by which a node speaks of something else. */
function entityOf(node: ts.Node): ts.Node | undefined {
  if (ts.isTypeReferenceNode(node)) return node.typeName
  if (ts.isExpressionWithTypeArguments(node)) return node.expression
  if (ts.isTypeQueryNode(node)) return node.exprName
  if (ts.isComputedPropertyName(node)) return node.expression
  return undefined
}

function rootOf(entity: ts.Node): ts.Identifier {
  if (ts.isIdentifier(entity)) return entity
  if (ts.isQualifiedName(entity)) return rootOf(entity.left)
  if (ts.isPropertyAccessExpression(entity)) return rootOf(entity.expression)
  throw new Error(`${placeOf(entity)}: no rule for ${ts.SyntaxKind[entity.kind]} as a name`)
}

/** Whether a type is made of the values of a constant, such as `(typeof KINDS)[number]`: it is worked out. */
function isOfValues(node: ts.Node): node is ts.TypeNode {
  if (ts.isIndexedAccessTypeNode(node)) return isOfValues(node.objectType)
  if (ts.isTypeOperatorNode(node)) return node.operator === ts.SyntaxKind.KeyOfKeyword && isOfValues(node.type)
  if (ts.isParenthesizedTypeNode(node)) return isOfValues(node.type)
  return ts.isTypeQueryNode(node)
}

/** A name for a parameter that is taken apart: the last word of its type, such as `request`. */
function freeName({ name, type }: ts.ParameterDeclaration, taken: Set<string>): string {
  const word = /(Request|Init|Definition)$/.exec(type?.getText() ?? '')?.[1]?.toLowerCase() ?? 'options'
  const wishes = ts.isArrayBindingPattern(name) ? ['values'] : [word, 'settings']
  const free = wishes.find((wish) => !taken.has(wish))
  if (free === undefined) throw new Error(`${placeOf(name)}: give this parameter a name of its own`)
  taken.add(free)
  return free
}

function block(members: readonly string[]): string {
  return members.length === 0 ? '{}' : `{\n${members.map((member) => indented(member)).join('\n')}\n}`
}

/** What an interface extends in the place of a class that extends and implements. */
function extendsOf(clauses: readonly string[]): string {
  const names = clauses.map((clause) => clause.replace(/^(?:extends|implements) /, ''))
  return names.length === 0 ? '' : ` extends ${names.join(', ')}`
}

function isShown(member: ts.ClassElement): boolean {
  if (member.name && ts.isPrivateIdentifier(member.name)) return false
  if (member.name && ts.isComputedPropertyName(member.name) && ts.isCallExpression(member.name.expression)) return false
  return !(ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected))
}

function isOfConstructor(member: ts.ClassElement): boolean {
  return ts.isConstructorDeclaration(member) || (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static) !== 0
}

/** Whether what is written here are the overloads of a function, not the implementation that they share. */
export function hasOverloads(node: ts.Node): boolean {
  const { symbol } = node as { readonly symbol?: ts.Symbol }
  return (symbol?.declarations ?? []).some((other) => other !== node && !('body' in other && other.body))
}
