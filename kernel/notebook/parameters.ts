import { userError } from '../../runtime/base/index.ts'
import { cellId, hasTag, type Notebook, type NotebookCell } from './notebook.ts'

/** Tags of papermill's convention (https://papermill.readthedocs.io/en/latest/usage-parameterize.html). */
const DEFAULTS_TAG = 'parameters'
const INJECTED_TAG = 'injected-parameters'
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** Values by name, as `--param name=value` gives them. */
export type Parameters = Readonly<Record<string, unknown>>

/** `name=value`: the value as JSON, or as the text that it is where it is none. Throws `notebook.parameter`. */
export function parseParameter(text: string): { readonly name: string; readonly value: unknown } {
  const at = text.indexOf('=')
  const name = text.slice(0, Math.max(0, at))
  if (!NAME.test(name))
    throw userError(
      'notebook.parameter',
      `expected NAME=VALUE, where NAME could be a variable's, such as rate=0.1, found ${JSON.stringify(text)}`,
    )
  const value = text.slice(at + 1)
  try {
    return { name, value: JSON.parse(value) }
  } catch {
    return { name, value }
  }
}

/** Whether a notebook has a cell tagged `parameters`, which declares what it may be given. */
export function hasDefaults({ cells }: Notebook): boolean {
  return cells.some(isDefaults)
}

/**
 * A notebook that is run with these values: behind the cell tagged `parameters`, or before all others where there is none,
 * stands one that sets them; that of an earlier run is replaced. Without values only that one is removed. Throws
 * `notebook.parameter` for a name that the cell of defaults does not mention.
 */
export function withParameters(notebook: Notebook, parameters: Parameters): Notebook {
  const cells = notebook.cells.filter((cell) => !hasTag(cell, INJECTED_TAG))
  if (Object.keys(parameters).length === 0) return { ...notebook, cells }
  const at = cells.findIndex(isDefaults)
  const defaults = cells[at]
  if (defaults) for (const name of Object.keys(parameters)) checkKnown(name, defaults)
  return { ...notebook, cells: cells.toSpliced(at + 1, 0, injected(parameters, cells)) }
}

function isDefaults(cell: NotebookCell): boolean {
  return cell.cell_type === 'code' && hasTag(cell, DEFAULTS_TAG)
}

/** A variable that is set anew, in a type as wide as its default's: `const` would make 4 the only number it may be compared with. */
function injected(parameters: Parameters, cells: readonly NotebookCell[]): NotebookCell {
  const lines = Object.entries(parameters).map(([name, value]) => `let ${name} = ${JSON.stringify(value)}`)
  const source = ['// Parameters', ...lines].join('\n')
  return {
    id: cellId(source, new Set(cells.map(({ id }) => id))),
    cell_type: 'code',
    source,
    metadata: { tags: [INJECTED_TAG] },
    outputs: [],
    execution_count: null,
  }
}

/** A mistyped name would leave the default in place without a word. */
function checkKnown(name: string, { source }: NotebookCell): void {
  const words = new Set(source.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu))
  if (words.has(name)) return
  throw userError(
    'notebook.parameter',
    `expected a parameter that the cell tagged "${DEFAULTS_TAG}" declares, found ${name}; it says: ${source.slice(0, 500)}`,
  )
}
