import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { Edit } from './rewrite.ts'

/**
 * Writes a top-level `await (x).y` as `await Promise.resolve((x).y)`: TypeScript 5.0 reads `await` before a bracket, an operator or
 * the end of a line as a name first, then the whole file once more. Of the second reading tslab does not see that there is an
 * `await`, and the compiler fails when it names a type of another package.
 */
export function plainAwaits(code: string, ts: typeof TypeScript): Edit[] {
  if (!/\bawait\s*(?:\n|[^\s\w$])/.test(code)) return []
  const file = ts.createSourceFile('cell.ts', `${code}\nexport {}`, ts.ScriptTarget.Latest) // only a module has it
  const edits: Edit[] = []
  const visit = (node: TypeScript.Node): void => {
    if (ts.isFunctionLike(node)) return
    if (ts.isAwaitExpression(node)) {
      const { expression } = node
      const start = expression.getStart(file)
      const isPlain =
        /^await[^\S\n]*$/.test(code.slice(node.getStart(file), start)) && /[\w$"'\p{L}]/u.test(code[start]!)
      if (!isPlain)
        edits.push(
          { start, end: start, text: 'Promise.resolve(' },
          { start: expression.end, end: expression.end, text: ')' },
        )
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return edits
}
