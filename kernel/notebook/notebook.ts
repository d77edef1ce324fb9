import { z } from 'zod'
import { type AividaError, sha256, userError } from '../../runtime/base/index.ts'
import { parseExactly, stableJson } from './stable-json.ts'

/** The version of the format that is written: 4.5, https://nbformat.readthedocs.io/en/latest/format_description.html. */
const FORMAT = { major: 4, minor: 5 } as const
/** What a cell's id may be (JEP 62). */
const CELL_ID = /^[a-zA-Z0-9-_]{1,64}$/
/** Where Jupyter breaks text into lines: Python's `str.splitlines`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python breaks lines at these
const LINE = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g

const metadata = z.record(z.string(), z.unknown())
const text = z
  .union([z.string(), z.array(z.string())])
  .transform((lines) => (typeof lines === 'string' ? lines : lines.join('')))

const cellSchema = z.looseObject({
  id: z.string().optional(),
  cell_type: z.string(),
  source: text,
  metadata: metadata.default({}),
  outputs: z.array(z.looseObject({ output_type: z.string() })).optional(),
})

const notebookSchema = z.looseObject({
  nbformat: z.literal(FORMAT.major),
  nbformat_minor: z.int().nonnegative(),
  metadata: z.looseObject({
    kernelspec: z.looseObject({ name: z.string(), display_name: z.string().optional() }).optional(),
    language_info: z.looseObject({ name: z.string() }).optional(),
  }),
  cells: z.array(cellSchema),
})

/** What a code cell put out, as the file holds it. What this version does not know of is kept as it is. */
export interface NotebookOutput {
  readonly output_type: string
  readonly [field: string]: unknown
}

/** A cell; only `code` is run, and fields that are not named here are kept. */
export interface NotebookCell {
  readonly id: string
  readonly cell_type: string
  /** All lines as one text. */
  readonly source: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly outputs?: readonly NotebookOutput[] | undefined
  readonly execution_count?: number | null
  readonly [field: string]: unknown
}

/** A notebook of nbformat 4.5 or a later 4.x; fields that are not named here are kept. */
export interface Notebook {
  readonly nbformat: 4
  readonly nbformat_minor: number
  readonly metadata: {
    readonly kernelspec?: { readonly name: string; readonly display_name?: string | undefined } | undefined
    readonly [field: string]: unknown
  }
  readonly cells: readonly NotebookCell[]
  readonly [field: string]: unknown
}

/** A notebook as it was read. */
export interface ReadNotebook {
  readonly notebook: Notebook
  /** What its reader should know, a sentence each: that it was upgraded, or is newer than we are. */
  readonly notices: readonly string[]
}

/**
 * Reads a notebook. 4.0 to 4.4 become 4.5 - its cells get ids, the same ones each time - and a later 4.x stays one. Throws
 * `notebook.malformed` for what is none, `notebook.format` for nbformat 3 and before, and 5. `name` is what errors call it.
 */
export function parseNotebook(content: string, name: string): ReadNotebook {
  let value: unknown
  try {
    value = parseExactly(content.replace(/^\uFEFF/, '')) // a byte order mark: some editors of Windows write one
  } catch (error) {
    throw malformed(name, `not JSON (${(error as Error).message})`)
  }
  const major = z.object({ nbformat: z.unknown() }).safeParse(value).data?.nbformat
  if (typeof major === 'number' && major !== FORMAT.major) throw otherFormat(name, major)
  const parsed = notebookSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw malformed(name, `${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  const { nbformat_minor: minor, cells } = parsed.data
  const notices: string[] = []
  if (minor < FORMAT.minor)
    notices.push(`upgraded from nbformat 4.${minor} to 4.${FORMAT.minor}: its cells have ids now`)
  if (minor > FORMAT.minor)
    notices.push(
      `its nbformat 4.${minor} is newer than 4.${FORMAT.minor}, which is known here; what is new in it is kept`,
    )
  const notebook = {
    ...parsed.data,
    nbformat_minor: Math.max(minor, FORMAT.minor),
    cells: identified(cells).map(complete),
  }
  return { notebook, notices }
}

/** A notebook as the file that Jupyter would write: stable, sorted, text as lists of lines. */
export function formatNotebook(notebook: Notebook): string {
  return stableJson({
    ...notebook,
    cells: notebook.cells.map((cell) => ({
      ...cell,
      source: linesOf(cell.source),
      ...(cell.outputs && { outputs: cell.outputs.map(outputInLines) }),
    })),
  })
}

/** Whether a cell has a tag (https://nbformat.readthedocs.io/en/latest/format_description.html#cell-metadata). */
export function hasTag({ metadata: { tags } }: NotebookCell, tag: string): boolean {
  return Array.isArray(tags) && tags.includes(tag)
}

/** An id for a cell that has none: of what it says and which of those that say it it is, so that it is the same each time. */
export function cellId(source: string, taken: ReadonlySet<string>): string {
  for (let copy = 0; ; copy++) {
    const id = sha256(Buffer.from(`${copy} ${source}`)).slice(0, 8)
    if (!taken.has(id)) return id
  }
}

type ParsedCell = z.infer<typeof cellSchema>

/** Cells with ids of their own: one that is missing, malformed or there already is given anew. */
function identified(cells: readonly ParsedCell[]): (ParsedCell & { readonly id: string })[] {
  const taken = new Set<string>()
  const isUsable = (id: string | undefined): id is string => id !== undefined && CELL_ID.test(id) && !taken.has(id)
  return cells.map((cell) => {
    const id = isUsable(cell.id) ? cell.id : cellId(cell.source, taken)
    taken.add(id)
    return { ...cell, id }
  })
}

/** A code cell has outputs and a count, even when it was never run. */
function complete(cell: ParsedCell & { readonly id: string }): NotebookCell {
  if (cell.cell_type !== 'code') return cell
  const count = cell.execution_count
  return { ...cell, outputs: cell.outputs ?? [], execution_count: typeof count === 'number' ? count : null }
}

function outputInLines(output: NotebookOutput): NotebookOutput {
  const { text, data } = output
  return {
    ...output,
    ...(typeof text === 'string' && { text: linesOf(text) }),
    ...(isBundle(data) && { data: Object.fromEntries(Object.entries(data).map(formInLines)) }),
  }
}

function isBundle(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

function formInLines([type, value]: [string, unknown]): [string, unknown] {
  const isText = type.startsWith('text/') || type === 'image/svg+xml' || type === 'application/javascript'
  return [type, isText && typeof value === 'string' ? linesOf(value) : value]
}

function linesOf(lines: string): string[] {
  return (lines.match(LINE) ?? []).filter((line) => line !== '')
}

function malformed(name: string, found: string): AividaError {
  return userError('notebook.malformed', `expected ${name} to be a Jupyter notebook, found ${found}`)
}

function otherFormat(name: string, major: number): AividaError {
  const remedy =
    major < FORMAT.major
      ? `jupyter nbconvert --to notebook --nbformat 4 ${name}`
      : 'save it as nbformat 4 in the program that wrote it, or use a newer aivida'
  return userError('notebook.format', `expected ${name} to be of nbformat 4, found ${major}`, { remedy })
}
