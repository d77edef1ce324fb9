import { AividaError, isAividaError } from '../../base/index.ts'
import { malformed } from '../sources/refusals.ts'

/** What DuckDB says of a file, as errors of ours: `source.bad-line` of a CSV, `source.dtype`, `source.malformed`. */
export function tableError(path: string, error: unknown): AividaError {
  if (isAividaError(error)) return error
  const words = error instanceof Error ? error.message : String(error)
  const line = /CSV Error on Line: (\d+)/.exec(words)?.[1]
  const [summary = ''] = words.split('\n')
  if (line !== undefined)
    return new AividaError({
      code: 'source.bad-line',
      category: 'user',
      message: `line ${line} of ${path} does not fit the lines before it: ${shortened(reasonOf(words))}; correct it`,
      cause: error,
      facts: { line: Number(line) },
    })
  if (summary.startsWith('Conversion Error'))
    return new AividaError({
      code: 'source.dtype',
      category: 'user',
      message: `${path}: ${shortened(summary)}; cast the data, or the input in the graph`,
      cause: error,
    })
  const cut = /magic bytes|footer|end of file|too small/i.test(summary)
  return malformed(path, cut ? `it is cut off, or no such file: ${shortened(summary)}` : shortened(summary), error)
}

/** The line of a CSV error that says what is wrong; others repeat the data. */
function reasonOf(words: string): string {
  const lines = words.split('\n').filter((line) => !/CSV Error on Line|Original Line/.test(line))
  return lines.find((line) => line.trim() !== '') ?? 'it cannot be read'
}

/** A file decides how long DuckDB's words are. */
function shortened(words: string): string {
  return words.length <= SHOWN_CHARACTERS ? words : `${words.slice(0, SHOWN_CHARACTERS)}...`
}

const SHOWN_CHARACTERS = 200
