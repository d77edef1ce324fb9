import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { Edit } from './rewrite.ts'

/**
 * Writes `{ rows }` as `{ rows: rows }`: tslab's converter does not see that a shorthand property is a variable, and one of
 * an earlier cell would not be found when the cell runs.
 */
export function spelledOut(code: string, ts: typeof TypeScript): Edit[] {
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest)
  const edits: Edit[] = []
  const visit = (node: TypeScript.Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) {
      const start = node.name.getStart(file)
      edits.push({ start, end: start, text: `${node.name.text}: ` })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return edits
}
