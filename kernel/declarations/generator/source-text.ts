import ts from '@tslab/typescript-for-tslab'

/** Something else in the place of a part of a source. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text of a node with edits made in it; they do not overlap. */
export function editedText(node: ts.Node, edits: readonly Edit[]): string {
  const source = node.getSourceFile().text
  let at = node.getStart()
  let result = ''
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    result += source.slice(at, start) + text
    at = end
  }
  return result + source.slice(at, node.getEnd())
}

/**
 * The doc comment of a declaration, with the end of its line; empty when there is none. Of a key of a schema without one, what
 * the schema is described as.
 */
export function docOf(node: ts.Node): string {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const source = holder.getSourceFile().text
  const comments = ts.getLeadingCommentRanges(source, holder.getFullStart()) ?? []
  const last = comments.findLast(({ pos }) => source.startsWith('/**', pos))
  if (last !== undefined) return `${outdented(source.slice(last.pos, last.end))}\n`
  const described = ts.isPropertyAssignment(node) ? describedAs(node.initializer) : undefined
  return described === undefined ? '' : `/** ${described[0]!.toUpperCase()}${described.slice(1)}. */\n`
}

/** The text of `.describe(...)` in a chain of calls. */
function describedAs(node: ts.Expression): string | undefined {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined
  const [text] = node.arguments
  if (node.expression.name.text === 'describe' && text && ts.isStringLiteralLike(text)) return text.text
  return describedAs(node.expression.expression)
}

/** Lines one step further in. */
export function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}

/** Lines after the first as far out as they can be: a text that stood further in. */
export function outdented(text: string): string {
  const [first, ...rest] = text.split('\n')
  const depths = rest.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length)
  const isComment = first!.startsWith('/*')
  const depth = Math.max(0, Math.min(...depths) - (isComment ? 1 : 0))
  return [first, ...rest.map((line) => line.slice(depth))].join('\n')
}

/** A doc comment without its stars. */
export function proseOf(comment: string): string {
  return comment
    .replace(/^\s*\/\*\*/, '')
    .replace(/\*\/\s*$/, '')
    .replace(/^[ \t]*\* ?/gm, '')
    .trim()
}
