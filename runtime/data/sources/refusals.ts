import { AividaError, userError } from '../../base/index.ts'
import { nearest } from '../../base/nearest.ts'
import type { DType } from '../tensor/index.ts'
import { describeSpec, type TensorSpec } from './signature.ts'

/** `source.column-missing`: the data has no column for an input; names the nearest one. */
export function columnMissing(spec: TensorSpec, columns: readonly string[], where: string): AividaError {
  const similar = nearest(spec.name, columns)
  const remedy =
    similar === undefined
      ? `rename one of ${list(columns)}`
      : `rename ${short(similar)}, if that is the one that is meant`
  return userError('source.column-missing', `${where}: no column for the input ${describeSpec(spec)}; ${remedy}`, {
    input: spec.name,
    columns: columns.slice(0, SHOWN).map(short),
  })
}

/** `source.dtype`: a column holds another type of element than the input takes. */
export function wrongDtype(spec: TensorSpec, found: DType | string, where: string): AividaError {
  return userError(
    'source.dtype',
    `${where}: the input ${describeSpec(spec)} takes ${spec.dtype}, found ${short(found)}; cast the data, or the input in the graph`,
    { input: spec.name, expected: spec.dtype, found: short(found) },
  )
}

/** `source.missing-value`: a null. */
export function missingValue(name: string, where: string): AividaError {
  return userError('source.missing-value', `${where}: ${name} is null; drop the row or fill the value in`, {
    column: name,
  })
}

/** `source.malformed`: a file that is not what its name says, or cut off. */
export function malformed(path: string, why: string, cause?: unknown): AividaError {
  const message = `${path} can't be read: ${why}`
  return new AividaError({ code: 'source.malformed', category: 'user', message, cause, facts: { path } })
}

/** `source.not-found`: there is nothing at a path that this process may read. */
export function unreadable(path: string, cause: unknown): AividaError {
  return new AividaError({
    code: 'source.not-found',
    category: 'user',
    message: `${path}: expected a file or folder that can be read, found none; check the path and its permissions`,
    cause,
    facts: { path },
  })
}

function list(columns: readonly string[]): string {
  const shown = columns.slice(0, SHOWN).map(short).join(', ')
  return columns.length > SHOWN ? `${shown}, ... (${columns.length} columns)` : shown
}

/** Names that a message lists. */
const SHOWN = 16

/** A name as a message shows it: a file may hold any. */
function short(name: string): string {
  return name.length <= SHOWN_CHARACTERS ? name : `${name.slice(0, SHOWN_CHARACTERS)}...`
}

const SHOWN_CHARACTERS = 100
