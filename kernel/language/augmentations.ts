import type * as TypeScript from '@tslab/typescript-for-tslab'

type Ts = typeof TypeScript

/** Where there may be one: most cells are not looked at any further. */
const MAY_AUGMENT = /\bdeclare\s+(?:module|global)\b/

/**
 * What cells have added to what modules or the language declare: `declare module "fs" { interface Stats { ... } }`, `declare global`.
 * tslab hands that on to the next cell and forgets it then; here it stays, until a cell adds to the same anew.
 */
export class Augmentations {
  readonly #ts: Ts
  /** By what they add to. */
  readonly #kept = new Map<string, string>()

  constructor(ts: Ts) {
    this.#ts = ts
  }

  /** Takes them out of the declarations of a cell that has run; gives the others. */
  takenFrom(declarations: string): string {
    const found = this.#found(declarations)
    for (const { key, text } of found) this.#kept.set(key, text)
    return found.reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), declarations)
  }

  /** Declarations for a cell, with these, but for what the cell itself says anew. */
  with(declarations: string, cell: string): string {
    if (this.#kept.size === 0) return declarations
    const anew = new Set(this.#found(cell).map(({ key }) => key))
    return declarations + [...this.#kept].map(([key, text]) => (anew.has(key) ? '' : `${text}\n`)).join('')
  }

  #found(
    code: string,
  ): { readonly key: string; readonly text: string; readonly start: number; readonly end: number }[] {
    if (!MAY_AUGMENT.test(code)) return []
    const ts = this.#ts
    return ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest).statements.flatMap((each) => {
      if (!ts.isModuleDeclaration(each) || !each.body || !ts.isModuleBlock(each.body)) return []
      const isGlobal = (each.flags & ts.NodeFlags.GlobalAugmentation) !== 0
      if (!isGlobal && !ts.isStringLiteral(each.name)) return []
      const names = each.body.statements.map((added) => (added as { name?: TypeScript.Identifier }).name?.text ?? '')
      const key = [isGlobal ? 'global' : JSON.stringify(each.name.text), ...names.sort()].join(' ')
      return [{ key, text: code.slice(each.pos, each.end), start: each.pos, end: each.end }]
    })
  }
}
