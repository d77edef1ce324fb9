import { userError } from '../../../base/index.ts'
import { OPERATORS } from '../operators/index.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { OperatorCall } from './operator.ts'
import { shown } from './shapes.ts'
import type { GraphNode, Value } from './value.ts'

/**
 * Adds the reverse pass of a scalar `loss` to its graph (reverse-mode automatic differentiation; Griewank and Walther,
 * Evaluating Derivatives, 2008) and gives the gradient of each value in `wrt`, of the same shape and dtype.
 *
 * Throws `graph.shape` for a loss that is no scalar, `graph.no-gradient` for an operator between that has no rule, and
 * `graph.unreached` for a value that the loss does not depend on.
 */
export function gradients(g: GraphBuilder, loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0)
    throw userError(
      'graph.shape',
      `expected a scalar loss, found ${loss.name} of shape ${shown(loss.shape)}; take its mean`,
    )
  const needed = neededBy(g, wrt)
  const found = new Map<Value, Value>([[loss, g.scalar(1, loss.dtype)]])
  for (const node of g.nodes.toReversed()) {
    const ds = node.outputs.map((output) => found.get(output))
    if (!ds.some(Boolean) || !node.outputs.some((output) => needed.has(output))) continue
    g.within(`${node.layer === '' ? '' : `${node.layer}/`}gradient`, () => reverse(g, node, ds, needed, found))
  }
  return wrt.map((value) => {
    const gradient = found.get(value)
    if (gradient) return gradient
    throw userError(
      'graph.unreached',
      `expected the loss to depend on ${value.name} by operators with gradients, it does not; freeze it or use it`,
    )
  })
}

/** Values that depend on one of `wrt`, and those themselves. */
function neededBy(g: GraphBuilder, wrt: readonly Value[]): Set<Value> {
  const needed = new Set(wrt)
  for (const { inputs, outputs } of g.nodes)
    if (inputs.some((input) => input && needed.has(input))) for (const output of outputs) needed.add(output)
  return needed
}

function reverse(
  g: GraphBuilder,
  node: GraphNode,
  ds: readonly (Value | undefined)[],
  needed: ReadonlySet<Value>,
  found: Map<Value, Value>,
): void {
  const { outputs } = node
  const own = ownGradient(g, node, ds, needed)
  if (own) {
    for (const [i, input] of own.inputs.entries()) give(g, found, needed, input, own.gradients[i])
    return
  }
  const { inputs } = node
  const call = new OperatorCall(node)
  const rule = OPERATORS[node.op]?.gradient
  if (!rule) throw call.refuse('no-gradient', 'it has no gradient; freeze what comes before it, or leave it out')
  const needs = (index: number) => inputs[index] !== undefined && needed.has(inputs[index])
  const d = ds[0] ?? g.expand(g.scalar(0, outputs[0]!.dtype), outputs[0]!.shape)
  const gradients = rule({ g, call, inputs, outputs, d, ds, needs })
  for (const [i, input] of inputs.entries()) give(g, found, needed, input, gradients[i])
}

/** The formula that the value of a node has in place of the rules from it back to the formula's inputs. */
function ownGradient(
  g: GraphBuilder,
  { outputs: [value] }: GraphNode,
  [d]: readonly (Value | undefined)[],
  needed: ReadonlySet<Value>,
) {
  const own = value && g.ownGradients.get(value)
  return own && d && { inputs: own.inputs, gradients: own.rule(d, (index) => needed.has(own.inputs[index]!)) }
}

/** Adds what a rule found to the gradient of an input, if that is asked for. */
function give(
  g: GraphBuilder,
  found: Map<Value, Value>,
  needed: ReadonlySet<Value>,
  input: Value | undefined,
  gradient: Value | undefined,
): void {
  if (!input || !gradient || !needed.has(input)) return
  const before = found.get(input)
  found.set(input, before ? g.add(before, gradient) : gradient)
}
