import type { Cell } from '../cell.ts'

/** How running a cell ended. */
export type Execution =
  /** `value`: that of its last expression, `undefined` where it has none. */
  | { readonly status: 'ok'; readonly value?: unknown }
  /** The user's frames alone, with lines of the cell as it was typed. */
  | {
      readonly status: 'error'
      readonly name: string
      readonly message: string
      readonly traceback: readonly string[]
    }

/** Words that could stand at the cursor; they replace `[start, end)`, in UTF-16 units. */
export interface Completion {
  readonly matches: readonly string[]
  readonly start: number
  readonly end: number
}

/** Whether code can be run as it is. */
export type Completeness =
  | { readonly status: 'complete' | 'invalid' | 'unknown' }
  | { readonly status: 'incomplete'; readonly indent: string }

/** A language whose cells share one scope: what a cell declares, later ones know, with its type. */
export interface Language {
  /** Of TypeScript. */
  readonly version: string
  /**
   * Runs a cell, magics and all. Never throws; one runs at a time. What it writes to stdout and stderr is the cell's. Its waiting
   * ends when the cell's signal is aborted.
   */
  execute(code: string, cell: Cell): Promise<Execution>
  complete(code: string, cursor: number): Completion
  /** What is known of the word at the cursor, as plain text and Markdown; `undefined` when there is nothing to say. */
  inspect(code: string, cursor: number): { readonly text: string; readonly markdown: string } | undefined
  isComplete(code: string): Completeness
  close(): void
}
