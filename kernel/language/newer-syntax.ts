import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { Edit } from './rewrite.ts'

type Ts = typeof TypeScript

/** Syntax that is newer than tslab's TypeScript and is not written otherwise by us: where, and what to write instead. */
export interface Refusal {
  readonly at: number
  readonly message: string
}

/** What newer syntax in a cell becomes. */
export interface Lowered {
  readonly edits: readonly Edit[]
  readonly refusals: readonly Refusal[]
}

const USING = /\b(await[ \t]+)?using[ \t]+(?!(?:of|in|as|instanceof|satisfies)\b)(?=[\p{L}_$])/gu
const ATTRIBUTES = /\b(?:from|import)\s*(?:"[^"\n]*"|'[^'\n]*')(\s*)(with\s*\{[^{}]*\})/g
const PHASES = /^[ \t]*import[ \t]+(defer|source)[ \t]+(?=[*\p{L}_$])(?!from\b)/gmu

/**
 * Writes what tslab's TypeScript 5.0 cannot read as what it can, line by line, types kept: `using` and `await using`
 * (TypeScript 5.2, https://github.com/tc39/proposal-explicit-resource-management) as a stack that is disposed of behind the
 * block, at the top level behind the cell; `with { type: 'json' }` behind an import (5.3) is left out, as Node's `require` needs
 * none. Deferred imports (5.9) are refused.
 */
export function lowerNewerSyntax(code: string, ts: Ts): Lowered {
  const attributes = [...code.matchAll(ATTRIBUTES)]
  const declared = [...code.matchAll(USING)]
  const phases = [...code.matchAll(PHASES)]
  if (attributes.length + declared.length + phases.length === 0) return { edits: [], refusals: [] }
  // Each is first hidden at the same length, so that the rest can be parsed and offsets hold.
  const hidden = attributes.map(({ index, 0: all, 2: clause }) => ({
    at: index + all.length - clause!.length,
    text: blank(clause!),
  }))
  const consts = declared.map(({ index, 0: all }) => ({ at: index, text: 'const'.padEnd(all.length) }))
  const file = ts.createSourceFile('cell.ts', replaced(code, [...hidden, ...consts]), ts.ScriptTarget.Latest, true)
  const edits: Edit[] = []
  const refusals: Refusal[] = phases
    .filter(({ index }) => !isInside(file, index, ts))
    .map(({ index, 0: all, 1: phase }) => ({
      at: index + all.indexOf('import'),
      message: `'import ${phase}' is newer than the TypeScript of cells (${ts.version}): write \`const name = await import('...')\` where it is first needed`,
    }))
  const specifiers = new Set<number>()
  const statements = new Map<number, TypeScript.VariableDeclarationList>()
  const visit = (node: TypeScript.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
      specifiers.add(node.moduleSpecifier.end)
    if (ts.isVariableDeclarationList(node)) statements.set(node.getStart(file), node)
    ts.forEachChild(node, visit)
  }
  visit(file)
  for (const { at, text } of hidden) {
    if ([...specifiers].some((end) => end <= at && code.slice(end, at).trim() === ''))
      edits.push({ start: at, end: at + text.length, text })
  }
  const closings: Edit[] = []
  for (const match of declared) {
    const list = statements.get(match.index)
    if (list) lowerUsing(list, match[0], match[1] !== undefined)
  }
  // All closings of a block stand at its end, the last opened first.
  return { edits: [...edits, ...closings.reverse()], refusals }

  function lowerUsing(list: TypeScript.VariableDeclarationList, written: string, asynchronous: boolean): void {
    const start = list.getStart(file)
    const block = ts.isVariableStatement(list.parent) ? list.parent.parent : undefined
    const refuse = (what: string) => refusals.push({ at: start, message: what })
    if (!block || !(ts.isBlock(block) || ts.isSourceFile(block)))
      return void refuse(
        `'${written.trim()}' here is newer than the TypeScript of cells (${ts.version}): write it as the first statement of a block \`{ ... }\``,
      )
    const bare = list.declarations.find(({ initializer, name }) => !initializer || !ts.isIdentifier(name))
    if (bare) return void refuse(`a declaration with '${written.trim()}' is written \`${written.trim()} name = value\``)
    if (asynchronous && !ts.isSourceFile(block) && !isAsync(block, ts))
      return void refuse("'await using' is only allowed within async functions and at the top level")
    const name = `$using${start}`
    const use = ts.isSourceFile(block) ? `require.${asynchronous ? 'usingAsync' : 'using'}(` : `${name}.use(`
    for (const { initializer } of list.declarations) {
      edits.push({ start: initializer!.getStart(file), end: initializer!.getStart(file), text: use })
      edits.push({ start: initializer!.end, end: initializer!.end, text: ')' })
    }
    if (ts.isSourceFile(block))
      return void edits.push({ start, end: start + written.length, text: 'const '.padEnd(written.length) })
    const [stack, dispose] = asynchronous
      ? ['AsyncDisposableStack', `await ${name}.disposeAsync()`]
      : ['DisposableStack', `${name}.dispose()`]
    edits.push({
      start,
      end: start + written.length,
      text: `const ${name} = new ${stack}(), ${name}f: any[] = []; try { const `,
    })
    closings.push({
      start: block.end - 1,
      end: block.end - 1,
      text: ` } catch (e) { ${name}f.push(e); throw e } finally { try { ${dispose} } catch (e) { throw ${name}f.length > 0 ? new SuppressedError(e, ${name}f[0]) : e } }`,
    })
  }
}

function isAsync(block: TypeScript.Node, ts: Ts): boolean {
  let node = block
  while (!ts.isFunctionLike(node) && !ts.isSourceFile(node)) node = node.parent
  return (
    ts.isSourceFile(node) ||
    (ts.getCombinedModifierFlags(node as TypeScript.Declaration) & ts.ModifierFlags.Async) !== 0
  )
}

/** Whether an offset lies within a string, a template or a comment. */
function isInside(file: TypeScript.SourceFile, at: number, ts: Ts): boolean {
  let inside = false
  const visit = (node: TypeScript.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node))
      inside ||= node.getStart(file) < at && at < node.end
    ts.forEachChild(node, visit)
  }
  visit(file)
  return inside
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

function replaced(code: string, parts: readonly { readonly at: number; readonly text: string }[]): string {
  let text = code
  for (const { at, text: by } of parts) text = text.slice(0, at) + by + text.slice(at + by.length)
  return text
}
