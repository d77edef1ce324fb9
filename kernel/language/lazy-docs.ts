import type * as TypeScript from '@tslab/typescript-for-tslab'

type Ts = typeof TypeScript
interface Documented extends TypeScript.Node {
  jsDoc?: readonly TypeScript.JSDoc[] | undefined
  hasHiddenDocs?: boolean
}
interface Internal {
  readonly objectAllocator: { getNodeConstructor(): { readonly prototype: object } }
  canHaveJSDoc(node: TypeScript.Node): boolean
  getJSDocCommentRanges(node: TypeScript.Node, text: string): readonly TypeScript.TextRange[] | undefined
  parseIsolatedJSDocComment(
    text: string,
    start: number,
    length: number,
  ): { readonly jsDoc: TypeScript.JSDoc } | undefined
}

/** At the beginning of a line alone: elsewhere it may be part of a string. */
const DOCS = /^([ \t]*\/\*)\*(?!\/)/gm
/** No text has it. */
const HIDDEN = '\u0001'

/** The text of a declaration file with descriptions that the compiler takes for other comments, at the same places. */
export function hideDocs(text: string): string {
  return text.replace(DOCS, `$1${HIDDEN}`)
}

/** A file whose text was hidden, and whose names are bound: has its text again, and descriptions when they are asked for. */
export function revealDocs(file: TypeScript.SourceFile): void {
  Object.assign(file, { text: file.text.replaceAll(HIDDEN, '*'), hasHiddenDocs: true })
}

/**
 * Makes TypeScript read descriptions (`/** ... *\/`) of files with hidden ones when it asks a declaration for its own: they are
 * three quarters of the text of Node's declarations, and a third of the time and memory to read them.
 */
export function readDocsWhenAsked(ts: Ts): void {
  const internal = ts as unknown as Internal
  const { prototype } = internal.objectAllocator.getNodeConstructor()
  const keep = (node: object, value: unknown) =>
    Object.defineProperty(node, 'jsDoc', { value, writable: true, configurable: true, enumerable: true })
  Object.defineProperty(prototype, 'jsDoc', {
    configurable: true,
    get(this: Documented) {
      const file = fileOf(this)
      if (!file?.hasHiddenDocs || !internal.canHaveJSDoc(this)) return undefined
      const { text } = file as unknown as TypeScript.SourceFile
      const docs = (internal.getJSDocCommentRanges(this, text) ?? []).flatMap(({ pos, end }) => {
        const found = internal.parseIsolatedJSDocComment(text, pos, end - pos)
        return found ? [Object.assign(found.jsDoc, { parent: this })] : []
      })
      if (docs.length === 0) return undefined
      keep(this, docs)
      return docs
    },
    set(this: Documented, value: unknown) {
      if (value !== undefined) keep(this, value)
    },
  })
}

function fileOf(node: Documented): Documented | undefined {
  let at: Documented | undefined = node
  while (at?.parent) at = at.parent
  return at
}
