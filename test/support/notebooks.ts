import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where the notebooks are. */
export const NOTEBOOKS: string = fileURLToPath(new URL('../../notebooks/', import.meta.url))

/** A cell of a notebook file. */
export interface StoredCell {
  readonly cell_type: string
  readonly id: string
  readonly source: readonly string[]
  readonly execution_count?: number | null
  readonly outputs?: readonly {
    readonly output_type: string
    readonly text?: readonly string[]
    readonly data?: Readonly<Record<string, unknown>>
    readonly evalue?: string
  }[]
}

/** Names of the notebooks. */
export function notebookFiles(): readonly string[] {
  return readdirSync(NOTEBOOKS).filter((file) => file.endsWith('.ipynb'))
}

/** Cells of a notebook file. */
export function storedCells(path: string): readonly StoredCell[] {
  return JSON.parse(readFileSync(path, 'utf8')).cells
}

/** What a cell says in plain text, all of its outputs together. */
export function plainText({ outputs = [] }: StoredCell): string {
  const of = (text: unknown) => (Array.isArray(text) ? text.join('') : String(text ?? ''))
  return outputs.map(({ text, data }) => of(text ?? data?.['text/plain'])).join('\n')
}
