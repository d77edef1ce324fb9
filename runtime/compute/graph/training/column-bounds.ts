import { OperatorCall } from '../build/operator.ts'
import type { GraphNode, Value } from '../build/value.ts'

/** Elements `from` to `to` of axis 1 of a column, or all of it where it has one axis; they stay below `below`. */
interface Use {
  readonly column: Value
  readonly from: number
  readonly to: number
  readonly below: number
}

/**
 * Of columns that are used as classes or as rows of a table, in whole, the number that they have to stay below: found by
 * going back from where the graph looks up what they name. What a graph says of only a part of a column is not told; where
 * parts have numbers of their own, it is the largest.
 */
export function columnBounds(nodes: readonly GraphNode[]): ReadonlyMap<Value, number> {
  const uses = new Map<Value, Use[]>()
  for (const node of nodes) {
    const found = lookedUp(node)
    const use = found && useOf(found.indexes, found.below)
    if (use) uses.set(use.column, [...(uses.get(use.column) ?? []), use])
  }
  const bounds = new Map<Value, number>()
  for (const [column, all] of uses) {
    const below = belowAnywhere(column, all)
    if (below !== undefined) bounds.set(column, below)
  }
  return bounds
}

/** What a node takes as places, and how many there are. */
function lookedUp({ op, inputs, attributes, layer }: GraphNode): { indexes: Value; below: number } | undefined {
  const call = new OperatorCall({ op, inputs, attributes, layer })
  switch (op) {
    case 'OneHot':
      return { indexes: call.input(0), below: call.known(1, 'the number of classes')[0]! }
    case 'Gather': {
      const { shape } = call.input(0)
      return { indexes: call.input(1), below: shape[call.axis(call.int('axis', 0), shape.length)]! }
    }
    default:
      return undefined
  }
}

/** The column that a value is, moved or converted. */
function useOf(value: Value, below: number): Use | undefined {
  const { producer } = value
  if (!producer) return value.constant ? undefined : { column: value, from: 0, to: value.shape[1] ?? 1, below }
  const { op, inputs } = producer
  switch (op) {
    case 'Cast':
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Identity':
      return useOf(inputs[0]!, below)
    case 'Where': // what parts of a batch wait by: both choices are the same
      return inputs[1] === inputs[2] ? useOf(inputs[1]!, below) : undefined
    case 'Slice':
      return partOf(producer, below)
    default:
      return undefined
  }
}

function partOf(producer: GraphNode, below: number): Use | undefined {
  const call = new OperatorCall(producer)
  const x = call.input(0)
  const whole = useOf(x, below)
  const [axis, ...more] = call.known(3, 'the axes', [])
  const steps = call.known(4, 'the steps', [1])
  if (!whole || axis === undefined || more.length > 0 || steps[0] !== 1) return undefined
  if (axis === 0) return whole
  const [start, end] = [call.known(1, 'the starts')[0]!, call.known(2, 'the ends')[0]!]
  const isPlain = axis === 1 && sameWidth(x, whole.column) && start >= 0 && end >= 0
  return isPlain ? { ...whole, from: start, to: Math.min(end, x.shape[1]!) } : undefined
}

function sameWidth(value: Value, column: Value): boolean {
  return value.shape.length === column.shape.length && value.shape[1] === column.shape[1]
}

/** The largest of what parts that do not overlap have to stay below, each by its strictest use; `undefined` where one has none. */
function belowAnywhere({ shape }: Value, uses: readonly Use[]): number | undefined {
  const parts: { below: number }[] = []
  let reached = 0
  for (const { from, to, below } of uses.toSorted((a, b) => a.from - b.from)) {
    if (from > reached) return undefined
    const part = parts.at(-1)
    if (part && from < reached) Object.assign(part, { below: Math.min(part.below, below) })
    else parts.push({ below })
    reached = Math.max(reached, to)
  }
  return reached < (shape[1] ?? 1) ? undefined : Math.max(...parts.map(({ below }) => below))
}
