import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { sqlTokens } from './sql-tokens.ts'

/** What a query may open. */
export interface NamedFiles {
  readonly files: readonly string[]
  /** Of patterns: the folder above the first sign that is one. */
  readonly folders: readonly string[]
}

/** The files that a query names in quotes, and the folders of patterns of such. */
export async function namedFiles(sql: string): Promise<NamedFiles> {
  const files = new Set<string>()
  const folders = new Set<string>()
  for (const { kind, text } of sqlTokens(sql)) {
    if (kind !== 'text' || text === '' || text.includes('\0')) continue
    const sign = text.search(/[*?[]/)
    if (sign >= 0) folders.add(dirname(resolve(`${text.slice(0, sign)}x`)))
    else if (await isFile(resolve(text))) files.add(resolve(text))
  }
  return { files: [...files], folders: [...folders] }
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false, // not a file: a text like any other
  )
}
