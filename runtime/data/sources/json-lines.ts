import { AividaError, aborted, isAividaError, userError } from '../../base/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { jsonRow } from './json-row.ts'
import { type Line, lines } from './lines.ts'
import { columnMissing, unreadable } from './refusals.ts'
import type { TensorSpec } from './signature.ts'
import type { Loader, Piece } from './source.ts'

/** How a JSON lines source is read. */
export interface JsonLinesInit {
  readonly path: string
  readonly identity: string
  readonly inputs: readonly TensorSpec[]
}

/**
 * JSON lines (https://jsonlines.org): one object a line, with a key for each input. Blank lines are passed over. The
 * first row is checked at once. Throws `source.empty`, `source.bad-line`, `source.column-missing`, `source.dtype`,
 * `source.shape`, `source.missing-value`, each with the number of the line.
 */
export async function jsonLinesLoader({ path, identity, inputs }: JsonLinesInit): Promise<Loader> {
  async function* pieces(fromRow: number, signal?: AbortSignal): AsyncGenerator<Piece> {
    let row = 0
    try {
      for await (const line of lines(path, signal)) if (row++ >= fromRow) yield parse(line, path, inputs)
    } catch (error) {
      if (signal?.aborted) throw aborted()
      throw isAividaError(error) ? error : unreadable(path, error)
    }
  }
  const rows = pieces(0)
  const first = await rows.next()
  await rows.return(undefined)
  if (first.done) throw userError('source.empty', `${path} has no rows; give a file with one JSON object a line`)
  return { format: 'jsonl', rows: undefined, identity, pieces, close: async () => {} }
}

function parse({ number, bytes }: Line, path: string, inputs: readonly TensorSpec[]): Piece {
  const where = `line ${number} of ${path}`
  const object = objectOf(bytes, where, number)
  const tensors = inputs.map((spec): [string, Tensor] => {
    if (!Object.hasOwn(object, spec.name)) throw columnMissing(spec, Object.keys(object), where)
    return [spec.name, jsonRow(spec, object[spec.name], where)]
  })
  return { rows: 1, tensors: Object.fromEntries(tensors) }
}

function objectOf(bytes: Uint8Array, where: string, line: number): Record<string, unknown> {
  const refuse = (why: string, cause?: unknown) =>
    new AividaError({
      code: 'source.bad-line',
      category: 'user',
      message: `${where} ${why}; expected one JSON object a line (NaN and Infinity are not JSON)`,
      cause,
      facts: { line },
    })
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw refuse('is not JSON', error)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw refuse('is JSON, but no object')
  return value as Record<string, unknown>
}
