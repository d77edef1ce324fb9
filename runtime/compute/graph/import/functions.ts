import { create } from '@bufbuild/protobuf'
import { limit, userError } from '../../../base/index.ts'
import type { Model } from '../onnx/model.ts'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type NodeProto,
  NodeProtoSchema,
} from '../onnx/onnx_pb.ts'

/** The nodes of a model with each call of a function of its own replaced by the function's body, in order. */
export function flatNodes({ graph, functions }: Model): NodeProto[] {
  const bodies = new Map(functions.map((fn) => [idOf(fn.domain, fn.name, fn.overload), fn]))
  return graph.node.flatMap((node) => expanded(node, bodies, '', 0))
}

function expanded(
  node: NodeProto,
  bodies: ReadonlyMap<string, FunctionProto>,
  path: string,
  depth: number,
): NodeProto[] {
  const body = bodies.get(idOf(node.domain, node.opType, node.overload))
  if (!body) return [node]
  if (depth >= limit('modelCallDepth'))
    throw userError(
      'model.invalid',
      `${node.name} (${node.opType}): functions that call each other deeper than ${depth}`,
    )
  const inner = `${path}${node.name === '' ? (node.output[0] ?? node.opType) : node.name}/`
  const names = new Map([
    ...body.input.map((name, i) => [name, node.input[i] ?? ''] as const),
    ...body.output.map((name, i) => [name, node.output[i] ?? ''] as const),
  ])
  const rename = (name: string) => (name === '' ? '' : (names.get(name) ?? `${inner}${name}`))
  const given = new Map([...body.attributeProto, ...node.attribute].map((attribute) => [attribute.name, attribute]))
  return body.node.flatMap((each) => {
    const called = Object.assign(create(NodeProtoSchema), each, {
      name: `${inner}${each.name === '' ? each.opType : each.name}`,
      input: each.input.map(rename),
      output: each.output.map((name) => (names.get(name) === '' ? `${inner}${name}` : rename(name))),
      attribute: each.attribute.flatMap((attribute) => bound(attribute, given)),
    })
    return expanded(called, bodies, inner, depth + 1)
  })
}

/** An attribute that refers to one of the function's is what the call gave; nothing, where it gave none. */
function bound(attribute: AttributeProto, given: ReadonlyMap<string, AttributeProto>): AttributeProto[] {
  if (attribute.refAttrName === '') return [attribute]
  const value = given.get(attribute.refAttrName)
  return value ? [Object.assign(create(AttributeProtoSchema), value, { name: attribute.name })] : []
}

function idOf(domain: string, name: string, overload: string): string {
  return `${domain === 'ai.onnx' ? '' : domain}:${name}:${overload}`
}
