import type * as TypeScript from '@tslab/typescript-for-tslab'
import type { Magic } from '../magics/magic.ts'
import { expandMagics, magicsIn, withoutMagics } from './magic-lines.ts'
import { lowerNewerSyntax, type Refusal } from './newer-syntax.ts'
import { plainAwaits } from './plain-await.ts'
import { both, type Edit, type Rewrite, rewrite } from './rewrite.ts'
import { spelledOut } from './shorthand.ts'

/** A cell as it was typed and as tslab's compiler is given it. */
export interface CellSource {
  readonly rewrite: Rewrite
  /** What cannot be run, by the offset in the cell as it was typed. */
  readonly refusals: readonly Refusal[]
}

/** Magics expanded, newer syntax written as older. Throws what a magic throws. */
export function cellSource(typed: string, magics: readonly Magic[], ts: typeof TypeScript): CellSource {
  const uses = magicsIn(typed, ts)
  const { rewrite: older, refusals } = lowered(rewrite(typed, expandMagics(typed, uses, magics)), ts)
  return { rewrite: edited(older, [...spelledOut(older.text, ts), ...plainAwaits(older.text, ts)]), refusals }
}

/**
 * The same for a cell that is still being written: a magic that cannot be expanded is as a comment, and a word that stands where
 * a property would is the beginning of its name.
 */
export function draftSource(typed: string, magics: readonly Magic[], ts: typeof TypeScript): CellSource {
  const uses = magicsIn(typed, ts)
  try {
    return lowered(rewrite(typed, expandMagics(typed, uses, magics)), ts)
  } catch {
    const text = withoutMagics(typed, uses)
    return lowered({ text, toOld: (offset) => offset, toNew: (offset) => offset }, ts)
  }
}

function lowered(expanded: Rewrite, ts: typeof TypeScript): CellSource {
  const { edits, refusals } = lowerNewerSyntax(expanded.text, ts)
  return {
    rewrite: edited(expanded, edits),
    refusals: refusals.map(({ at, message }) => ({ at: expanded.toOld(at), message })),
  }
}

function edited(before: Rewrite, edits: readonly Edit[]): Rewrite {
  return edits.length === 0 ? before : both(before, rewrite(before.text, edits))
}
