import { refused } from './refusal.ts'

/** How often a body of nodes calls each function of the model, by {@link functionId}. */
export type Calls = Map<string, number>

/** A function that the model defines: its own nodes and what they call. */
export interface ScannedFunction {
  readonly id: string
  nodes: number
  readonly calls: Calls
}

/** How messages and call counts name a function. */
export function functionId(domain: string, name: string, overload: string): string {
  return `${domain}::${name}${overload && `:${overload}`}`
}

/**
 * Nodes after every call is replaced by the body it names, which is what an engine does when it loads: a few functions
 * that call each other twice would otherwise grow without end. Throws `model.refused` (`depth`) for calls nested deeper
 * than `maxDepth`, recursion among them.
 */
export function expandedNodes(
  main: { readonly nodes: number; readonly calls: Calls },
  functions: ReadonlyMap<string, ScannedFunction>,
  maxDepth: number,
): number {
  const known = new Map<string, { nodes: number; height: number }>()
  const expand = (body: { nodes: number; calls: Calls }, depth: number): { nodes: number; height: number } => {
    let { nodes } = body
    let height = 0
    for (const [id, times] of body.calls) {
      // A recursive function is never known, so it runs into the depth.
      const tooDeep = () => refused('depth', `function ${id}`, `calls nest deeper than ${maxDepth}, or without end`)
      if (depth >= maxDepth) throw tooDeep()
      const callee = known.get(id) ?? expand(functions.get(id)!, depth + 1)
      if (depth + callee.height >= maxDepth) throw tooDeep()
      known.set(id, callee)
      nodes += times * callee.nodes
      height = Math.max(height, callee.height + 1)
    }
    return { nodes, height }
  }
  return expand(main, 0).nodes
}
