import ts from '@tslab/typescript-for-tslab'
import { docOf, indented } from './source-text.ts'

/** What a {@link TypeText} asks of what it writes for. */
export interface TypeNames {
  /** How a declaration of ours is called in the file that is written; `undefined` of what is not ours. */
  nameOf(symbol: ts.Symbol): string | undefined
}

/** What structures are called that have a name elsewhere, by their text: a schema within another one is the same again. */
export type Shapes = ReadonlyMap<string, ts.Symbol>

/**
 * Writes types that the compiler has worked out as a person would: plain structures with the doc comments of their members,
 * unions in an order that follows from nothing but their members, and names where there are some.
 */
export class TypeText {
  readonly #checker: ts.TypeChecker
  readonly #names: TypeNames
  readonly #shapes: Shapes
  readonly #plain: TypeText | undefined
  readonly #texts = new Map<ts.Type, string>()

  constructor(checker: ts.TypeChecker, names: TypeNames, shapes: Shapes) {
    this.#checker = checker
    this.#names = names
    this.#shapes = shapes
    this.#plain = shapes.size > 0 ? new TypeText(checker, names, new Map()) : undefined
  }

  /** `at`: where it is written, for an error. Throws for a type that has no plain form. */
  write(type: ts.Type, at: ts.Node): string {
    const shape = this.#plain && isShape(type) ? this.#shapes.get(this.#plain.writeOut(type, at)) : undefined
    return (shape && this.#names.nameOf(shape)) ?? this.writeOut(type, at)
  }

  /** As {@link write}, with no name in its place; its parts may have some. */
  writeOut(type: ts.Type, at: ts.Node): string {
    const text = this.#texts.get(type) ?? this.#writeOut(type, at)
    this.#texts.set(type, text)
    return text
  }

  #writeOut(type: ts.Type, at: ts.Node): string {
    const alias = type.aliasSymbol && this.#names.nameOf(type.aliasSymbol)
    if (alias !== undefined) return `${alias}${this.#arguments(type.aliasTypeArguments, at)}`
    if (type.flags & ts.TypeFlags.Boolean) return 'boolean'
    if (type.isStringLiteral()) return `'${type.value.replace(/[\\']/g, '\\$&')}'`
    if (type.isNumberLiteral()) return String(type.value)
    if (type.flags & PLAIN) return this.#checker.typeToString(type)
    if (type.isUnion()) return this.#union(type.types, at)
    if (type.isIntersection()) return type.types.map((part) => this.#part(part, at)).join(' & ')
    if (type.flags & ts.TypeFlags.Object) return this.#object(type as ts.ObjectType, at)
    throw new Error(`${placeOf(at)}: cannot write ${this.#checker.typeToString(type)}; give it a name or write it out`)
  }

  #union(types: readonly ts.Type[], at: ts.Node): string {
    const isBoolean = (type: ts.Type) => (type.flags & ts.TypeFlags.BooleanLiteral) !== 0
    const texts = types.filter((type) => !isBoolean(type)).map((type) => this.#part(type, at))
    const booleans = types.filter(isBoolean)
    if (booleans.length > 0) texts.push(booleans.length === 2 ? 'boolean' : this.#checker.typeToString(booleans[0]!))
    const last = (text: string) => Number(text === 'null') + 2 * Number(text === 'undefined')
    return texts.sort((a, b) => last(a) - last(b) || (a < b ? -1 : 1)).join(' | ')
  }

  /** A type within a union or an intersection. */
  #part(type: ts.Type, at: ts.Node): string {
    const text = this.write(type, at)
    return text.includes('=>') && !text.startsWith('{') ? `(${text})` : text
  }

  #arguments(types: readonly ts.Type[] | undefined, at: ts.Node): string {
    return types === undefined || types.length === 0 ? '' : `<${types.map((type) => this.write(type, at)).join(', ')}>`
  }

  #object(type: ts.ObjectType, at: ts.Node): string {
    if (this.#checker.isTupleType(type)) return this.#tuple(type as ts.TupleTypeReference, at)
    if (this.#checker.isArrayType(type)) {
      const element = this.write(this.#checker.getTypeArguments(type as ts.TypeReference)[0]!, at)
      const readonly = type.symbol.name === 'ReadonlyArray' ? 'readonly ' : ''
      return `${readonly}${/[ |&]/.test(element) && !element.startsWith('{') ? `(${element})` : element}[]`
    }
    const isStructure = type.symbol === undefined || (type.symbol.flags & STRUCTURE) !== 0
    if (isStructure) return this.#structure(type, at)
    const name = this.#names.nameOf(type.symbol) ?? type.symbol.name
    if (BUFFERS.test(name)) return name
    const ofItself = this.#checker.getTypeArguments(type as ts.TypeReference)
    return `${name}${this.#arguments(ofItself, at)}`
  }

  #tuple(type: ts.TupleTypeReference, at: ts.Node): string {
    const flags = type.target.elementFlags
    const elements = this.#checker.getTypeArguments(type).map((element, i) => {
      const text = this.#part(element, at)
      if (flags[i]! & ts.ElementFlags.Rest) return `...${text}[]`
      return flags[i]! & ts.ElementFlags.Optional ? `${text}?` : text
    })
    return `${type.target.readonly ? 'readonly ' : ''}[${elements.join(', ')}]`
  }

  #structure(type: ts.ObjectType, at: ts.Node): string {
    const properties = this.#checker.getPropertiesOfType(type)
    const indexes = this.#checker.getIndexInfosOfType(type)
    const calls = type.getCallSignatures()
    if (properties.length === 0 && indexes.length === 0 && calls.length === 1)
      return this.signature(calls[0]!, ' => ', at)
    const members = [
      ...calls.map((call) => this.signature(call, ': ', at)),
      ...indexes.map((index) => `[key: ${this.write(index.keyType, at)}]: ${this.write(index.type, at)}`),
      ...properties.map((property) => this.#property(property, at)),
    ]
    return members.length === 0 ? '{}' : `{\n${members.map((member) => indented(member)).join('\n')}\n}`
  }

  #property(property: ts.Symbol, at: ts.Node): string {
    const declaration = property.declarations?.[0]
    const doc = declaration === undefined ? '' : docOf(declaration)
    const isReadonly = declaration && ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly
    const type = this.write(this.#checker.getTypeOfSymbolAtLocation(property, at), at)
    const name = /^[A-Za-z_$][\w$]*$/.test(property.name) ? property.name : `'${property.name}'`
    const optional = property.flags & ts.SymbolFlags.Optional ? '?' : ''
    return `${doc}${isReadonly ? 'readonly ' : ''}${name}${optional}: ${type}`
  }

  /** `(a: A) => R`, or with `: ` between as a method has it. */
  signature(call: ts.Signature, between: string, at: ts.Node): string {
    const parameters = call.getParameters().map((parameter) => {
      const declaration = parameter.valueDeclaration as ts.ParameterDeclaration
      const type = this.write(this.#checker.getTypeOfSymbolAtLocation(parameter, at), at)
      const optional = (declaration.questionToken ?? declaration.initializer) ? '?' : ''
      return `${declaration.dotDotDotToken ? '...' : ''}${parameter.name}${optional}: ${type}`
    })
    return `(${parameters.join(', ')})${between}${this.write(call.getReturnType(), at)}`
  }
}

/** Where something stands, for an error. */
export function placeOf(node: ts.Node): string {
  const file = node.getSourceFile()
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

/** What may have been written as a schema of its own: a structure, or a choice between some. */
function isShape(type: ts.Type): boolean {
  return type.isUnion() || (type.flags & ts.TypeFlags.Object) !== 0
}

const PLAIN =
  ts.TypeFlags.Any |
  ts.TypeFlags.Unknown |
  ts.TypeFlags.String |
  ts.TypeFlags.Number |
  ts.TypeFlags.BigInt |
  ts.TypeFlags.BooleanLiteral |
  ts.TypeFlags.Void |
  ts.TypeFlags.Undefined |
  ts.TypeFlags.Null |
  ts.TypeFlags.Never |
  ts.TypeFlags.ESSymbol |
  ts.TypeFlags.NonPrimitive |
  ts.TypeFlags.TypeParameter

const STRUCTURE =
  ts.SymbolFlags.TypeLiteral | ts.SymbolFlags.ObjectLiteral | ts.SymbolFlags.Function | ts.SymbolFlags.Method

/** Generic only since TypeScript 5.7; written without what they are generic in, they are what both know. */
const BUFFERS = /^(?:(?:Big)?(?:Int|Uint|Float)\d+(?:Clamped)?Array|DataView|Buffer)$/

/** Whether a name is that of a typed array or a buffer. */
export function isBuffer(name: string): boolean {
  return BUFFERS.test(name)
}
