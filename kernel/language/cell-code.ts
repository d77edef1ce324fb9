import { SourceMap } from 'node:module'
import type { EmittedMaps } from './compiler.ts'
import { lineAndColumn, offsetOf, type Rewrite } from './rewrite.ts'

/** A place in what the user wrote, from 1. */
export interface Place {
  /** `cell 3`, or the path of a local module. */
  readonly where: string
  readonly line: number
  readonly column: number
  /** The line itself, where it is known. */
  readonly text?: string
}

/** A cell's code on its way from what was typed to what runs. */
export interface CellCode {
  readonly number: number
  readonly typed: string
  readonly source: Rewrite
  readonly maps: EmittedMaps
  /** Of what runs. */
  readonly lines: number
}

/** tslab puts `export {};` before a cell's code, on a line of its own. */
const PREFIX_LINES = 1
const CELL_URL = /aivida:cell\/(\d+):(\d+):(\d+)/g
const CELL_URL_OF_LINE = /aivida:cell\/(\d+):(\d+)/g

/** The code of all cells that ran and of local modules: which line of JavaScript came from where. */
export class CellCodes {
  readonly #cells: CellCode[] = []
  readonly #modules = new Map<string, { readonly source: string; readonly maps: EmittedMaps }>()

  /** A cell's code under a URL of its own, which goes behind the code as `//# sourceURL=`. */
  addCell(code: CellCode): string {
    this.#cells.push(code)
    return `aivida:cell/${this.#cells.length - 1}`
  }

  /** A local module by the path of its source. */
  addModule(source: string, maps: EmittedMaps): void {
    this.#modules.set(source.replace(/\.\w+$/, '.js'), { source, maps })
  }

  /** Where a frame's URL, line and column (from 1) are in what the user wrote; `undefined` when it is not his. */
  placeOf(url: string, line: number, column: number): Place | undefined {
    const index = /^aivida:cell\/(\d+)$/.exec(url)?.[1]
    if (index === undefined) {
      const module = this.#modules.get(url)
      const at = module && original(module.maps, line, column)
      return at && { where: module.source, line: at.line + 1, column: at.column + 1 }
    }
    const cell = this.#cells[Number(index)]
    if (!cell || line > cell.lines) return undefined // below the code: the call that runs it
    const at = original(cell.maps, line, column)
    if (!at) return { where: `cell ${cell.number}`, line: 1, column: 1 }
    const offset = offsetOf(cell.source.text, at.line + 1 - PREFIX_LINES, at.column + 1)
    return placeIn(`cell ${cell.number}`, cell.typed, cell.source.toOld(offset))
  }

  /** A stack with the places of cells and local modules as the user knows them. */
  relocate(stack: string): string {
    let text = stack.replace(CELL_URL, (all, index, line, column) => {
      const place = this.placeOf(`aivida:cell/${index}`, Number(line), Number(column))
      return place ? `${place.where}, line ${place.line}:${place.column}` : all
    })
    text = text.replace(/\b(?:CellVariables|Proxy)\.(?=\w+ \(cell )/g, '') // a function of another cell
    text = text.replace(CELL_URL_OF_LINE, (all, index, line) => {
      const place = this.placeOf(`aivida:cell/${index}`, Number(line), 1)
      return place ? `${place.where}, line ${place.line}` : all
    })
    if (this.#modules.size === 0) return text
    return text.replace(/(\/[^\s():]+\.js):(\d+):(\d+)/g, (all, path, line, column) => {
      const place = this.placeOf(path, Number(line), Number(column))
      return place ? `${place.where}:${place.line}:${place.column}` : all
    })
  }

  /** The text of a line of the newest cell with a number. */
  lineOf(number: number, line: number): string | undefined {
    return this.#cells.findLast((cell) => cell.number === number)?.typed.split('\n')[line - 1]
  }
}

/** Where an offset of a text is, with its line. */
export function placeIn(where: string, text: string, offset: number): Place {
  const { line, column } = lineAndColumn(text, offset)
  return { where, line, column, text: text.split('\n')[line - 1]! }
}

/** Line and column, from 0, of the TypeScript behind a line and column, from 1, of what runs. */
function original({ toModule, toSource }: EmittedMaps, line: number, column: number) {
  // The converter's result begins with a line of its own.
  const between = new SourceMap(JSON.parse(toModule)).findEntry(line - 2, column - 1)
  if (!('originalLine' in between)) return undefined
  const source = new SourceMap(JSON.parse(toSource)).findEntry(between.originalLine, between.originalColumn)
  return 'originalLine' in source ? { line: source.originalLine, column: source.originalColumn } : undefined
}
