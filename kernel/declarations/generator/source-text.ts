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

/** The doc comment of a declaration, with the end of its line; empty when there is none. */
export function docOf(node: ts.Node): string {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const source = holder.getSourceFile().text
  const comments = ts.getLeadingCommentRanges(source, holder.getFullStart()) ?? []
  const last = comments.findLast(({ pos }) => source.startsWith('/**', pos))
  return last === undefined ? '' : `${outdented(source.slice(last.pos, last.end))}\n`
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
