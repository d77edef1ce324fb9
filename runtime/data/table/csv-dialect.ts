import { z } from 'zod'
import { quotedText } from './sealed-file.ts'

/** What {@link csvDialect} asks a file with. */
export type RunQuery = (sql: string) => Promise<{ getRowObjectsJson(): Promise<readonly Record<string, unknown>[]> }>

/** How a CSV file is written, found out once: looking costs seconds where a line has many columns. */
export interface CsvDialect {
  /** The file as a table, with these SQL types for some of its columns. */
  from(types?: ReadonlyMap<string, string>): string
}

const sniffedSchema = z.object({
  Delimiter: z.string(),
  Quote: z.string(),
  Escape: z.string(),
  NewLineDelimiter: z.string(),
  Comment: z.string(),
  SkipRows: z.number(),
  HasHeader: z.boolean(),
  Columns: z.array(z.object({ name: z.string(), type: z.string() })),
})

/** Lines that are looked at. What comes later and is of another type is an error that names its line. */
const SAMPLE_LINES = 2_048

/** Finds out how a CSV file is written, from its first lines. Throws what DuckDB throws. */
export async function csvDialect(path: string, run: RunQuery): Promise<CsvDialect> {
  const columns = Object.keys(sniffedSchema.shape).join(', ')
  const sql = `SELECT ${columns} FROM sniff_csv(${quotedText(path)}, sample_size = ${SAMPLE_LINES})`
  const [found] = await (await run(sql)).getRowObjectsJson()
  const sniffed = sniffedSchema.parse(found)
  const text = (value: string) => quotedText(value === '(empty)' ? '' : value)
  return {
    from(types = new Map()) {
      const declared = sniffed.Columns.map(
        ({ name, type }) => `${quotedText(name)}: ${quotedText(types.get(name) ?? type)}`,
      )
      return `read_csv(${[
        quotedText(path),
        'auto_detect = false',
        `delim = ${text(sniffed.Delimiter)}`,
        `quote = ${text(sniffed.Quote)}`,
        `escape = ${text(sniffed.Escape)}`,
        `new_line = ${text(sniffed.NewLineDelimiter)}`,
        `comment = ${text(sniffed.Comment)}`,
        `skip = ${sniffed.SkipRows}`,
        `header = ${sniffed.HasHeader}`,
        `columns = {${declared.join(', ')}}`,
      ].join(', ')})`
    },
  }
}
