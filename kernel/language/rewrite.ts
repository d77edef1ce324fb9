/** A part of a text that is replaced: `[start, end)` in UTF-16 units. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A text made from another one by edits, and which place of the one is which of the other. */
export interface Rewrite {
  readonly text: string
  /**
   * Where an offset of the new text was in the old one. Inside of an edit, the beginning of the old line with the same
   * number: an edit of several lines keeps their count.
   */
  toOld(offset: number): number
  /** Where an offset of the old text went; `undefined` when that part was replaced. */
  toNew(offset: number): number | undefined
}

/** Applies edits, which don't overlap, in any order. */
export function rewrite(old: string, edits: readonly Edit[]): Rewrite {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end)
  const placed: { readonly edit: Edit; readonly at: number }[] = []
  let text = ''
  let from = 0
  for (const edit of sorted) {
    text += old.slice(from, edit.start)
    placed.push({ edit, at: text.length })
    text += edit.text
    from = edit.end
  }
  text += old.slice(from)
  return {
    text,
    toOld: (offset) => {
      const last = placed.findLast(({ at }) => at <= offset)
      if (last === undefined) return offset
      const { edit, at } = last
      const behind = offset - at - edit.text.length
      if (behind >= 0) return Math.min(edit.end + behind, old.length)
      return lineStart(old, edit, edit.text.slice(0, offset - at).split('\n').length - 1)
    },
    toNew: (offset) => {
      let shift = 0
      for (const { edit } of placed) {
        if (offset < edit.start) break
        if (offset < edit.end) return undefined
        shift += edit.text.length - (edit.end - edit.start)
      }
      return offset + shift
    },
  }
}

/** One rewrite after the other. */
export function both(first: Rewrite, second: Rewrite): Rewrite {
  return {
    text: second.text,
    toOld: (offset) => first.toOld(second.toOld(offset)),
    toNew: (offset) => {
      const between = first.toNew(offset)
      return between === undefined ? undefined : second.toNew(between)
    },
  }
}

/** Line and column of an offset, from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/** The offset of a line and column, from 1; the nearest there is. */
export function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let n = 1; n < line; n++) {
    const next = text.indexOf('\n', start)
    if (next === -1) return text.length
    start = next + 1
  }
  return Math.min(start + column - 1, text.length)
}

function lineStart(old: string, edit: Edit, lines: number): number {
  let at = edit.start
  for (let n = 0; n < lines; n++) {
    const next = old.indexOf('\n', at)
    if (next === -1 || next >= edit.end) break
    at = next + 1
  }
  return at
}
