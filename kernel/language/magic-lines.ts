import type * as TypeScript from '@tslab/typescript-for-tslab'
import { userError } from '../../runtime/base/errors.ts'
import type { Magic } from '../magics/magic.ts'
import type { Edit } from './rewrite.ts'

/** A use of a magic in a cell's code; `[start, end)` is what it takes. */
export interface MagicUse {
  readonly kind: Magic['kind']
  readonly name: string
  readonly args: string
  readonly start: number
  readonly end: number
  /** Where the lines below a cell magic begin. */
  readonly bodyStart: number
}

const CELL_MAGIC = /^\s*%%(\w+)[ \t]*([^\n]*)(\n|$)/
/** At the very beginning of a line: an operator that continues the line before is indented, or has a space behind it. */
const LINE_MAGIC = /^%([a-zA-Z]\w*)[ \t]*([^\n]*)$/gm

/** The magics of a cell: one that takes the whole cell, or those at the beginning of a line outside of strings and comments. */
export function magicsIn(code: string, ts: typeof TypeScript): readonly MagicUse[] {
  const whole = CELL_MAGIC.exec(code)
  if (whole) {
    const [line, name, args] = whole
    return [{ kind: 'cell', name: name!, args: args!.trim(), start: 0, end: code.length, bodyStart: line.length }]
  }
  const uses = [...code.matchAll(LINE_MAGIC)].map((match) => ({
    kind: 'line' as const,
    name: match[1]!,
    args: match[2]!.trim(),
    start: match.index,
    end: match.index + match[0].length,
    bodyStart: match.index + match[0].length,
  }))
  if (uses.length === 0) return uses
  const file = ts.createSourceFile('cell.ts', withoutMagics(code, uses), ts.ScriptTarget.Latest, true)
  return uses.filter(({ start }) => isBetweenTokens(file, start, ts))
}

/** The code with comments of the same length in the place of magics: what TypeScript can read, with every offset as it was. */
export function withoutMagics(code: string, uses: readonly MagicUse[]): string {
  let text = code
  for (const { start } of uses) {
    const at = code.indexOf('%', start)
    text = `${text.slice(0, at)}//${text.slice(at + 2)}`
  }
  return text
}

/**
 * The edits that put TypeScript in the place of magics. Throws `magic.unknown`, which lists those that there are, and what a
 * magic says of its arguments.
 */
export function expandMagics(code: string, uses: readonly MagicUse[], magics: readonly Magic[]): readonly Edit[] {
  return uses.flatMap((use) => {
    const magic = magics.find(({ kind, name }) => kind === use.kind && name === use.name)
    if (!magic) throw unknown(use, magics)
    const body = code.slice(use.bodyStart, use.end)
    const text = magic.expand(use.args, body)
    const at = body.trim() === '' ? -1 : text.indexOf(body)
    // A line has its own semicolons: what stands above and below it may have none.
    if (use.kind === 'line') return [{ start: use.start, end: use.end, text: `;${text};` }]
    if (at === -1) return [{ start: use.start, end: use.end, text }]
    return [
      { start: use.start, end: use.bodyStart, text: text.slice(0, at) },
      { start: use.end, end: use.end, text: text.slice(at + body.length) },
    ]
  })
}

function unknown({ kind, name }: MagicUse, magics: readonly Magic[]): Error {
  const prefix = (of: Magic['kind']) => (of === 'cell' ? '%%' : '%')
  const other = magics.find((magic) => magic.name === name)
  const known = magics.map((magic) => `  ${magic.usage.padEnd(32)} ${magic.summary}`).join('\n')
  const hint = other
    ? `; ${prefix(other.kind)}${name} ${other.kind === 'cell' ? 'takes a whole cell' : 'takes one line'}`
    : ''
  return userError('magic.unknown', `there is no magic ${prefix(kind)}${name}${hint}. There are:\n${known}`)
}

/** Whether a comment begins there: within a string, a template or a longer comment none does. */
function isBetweenTokens(file: TypeScript.SourceFile, at: number, ts: typeof TypeScript): boolean {
  let node: TypeScript.Node = file
  for (;;) {
    const inner: TypeScript.Node | undefined = node.getChildren(file).find((child) => child.pos <= at && at < child.end)
    if (!inner) break
    node = inner
  }
  if (node.kind !== ts.SyntaxKind.EndOfFileToken && node.getStart(file) <= at) return false
  const comments = [
    ...(ts.getLeadingCommentRanges(file.text, node.pos) ?? []),
    ...(ts.getTrailingCommentRanges(file.text, node.pos) ?? []),
  ]
  return comments.some(({ pos }) => pos === at)
}
