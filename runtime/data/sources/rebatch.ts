import { aborted, userError } from '../../base/index.ts'
import { concatRows, type NamedTensors, sliceRows } from '../tensor/index.ts'
import type { Batch, Piece } from './source.ts'

/** Pieces of any size as batches of `rowsPerBatch` rows. Throws `source.shape` for rows that can't share a batch. */
export async function* rebatch(
  pieces: AsyncIterable<Piece>,
  rowsPerBatch: number,
  fromRow: number,
  signal?: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  let gathered: Piece[] = []
  let [rows, firstRow] = [0, fromRow]
  const batch = (): Batch => {
    const joined = { firstRow, ...join(gathered, rows, firstRow) }
    ;[gathered, firstRow, rows] = [[], firstRow + rows, 0]
    return joined
  }
  for await (const piece of pieces) {
    for (let from = 0; from < piece.rows; ) {
      if (signal?.aborted) throw aborted()
      const part = slice(piece, from, Math.min(piece.rows, from + rowsPerBatch - rows))
      gathered.push(part)
      from += part.rows
      rows += part.rows
      if (rows === rowsPerBatch) yield batch()
    }
  }
  if (rows > 0) yield batch()
}

function slice(piece: Piece, from: number, to: number): Piece {
  if (to - from === piece.rows) return piece
  return {
    rows: to - from,
    tensors: mapTensors(piece.tensors, (name) => sliceRows(piece.tensors[name]!, from, to)),
    ...(piece.labels && { labels: piece.labels.slice(from, to) }),
  }
}

function join(pieces: readonly Piece[], rows: number, firstRow: number): Piece {
  const [first] = pieces as [Piece]
  const labels = first.labels && pieces.flatMap((piece) => piece.labels ?? [])
  const tensors = mapTensors(first.tensors, (name) => {
    const rowShape = `${first.tensors[name]!.shape.slice(1)}`
    let row = firstRow
    for (const piece of pieces) {
      const found = `${piece.tensors[name]!.shape.slice(1)}`
      if (found !== rowShape)
        throw userError(
          'source.shape',
          `rows ${firstRow} and ${row} of ${name} have the shapes [${rowShape}] and [${found}], and rows of one batch ` +
            'need one shape: pad them, sort them by length, or run one row at a time',
          { input: name, row },
        )
      row += piece.rows
    }
    return concatRows(pieces.map((piece) => piece.tensors[name]!))
  })
  return { rows, tensors, ...(labels && { labels }) }
}

function mapTensors(tensors: NamedTensors, map: (name: string) => NamedTensors[string]): NamedTensors {
  return Object.fromEntries(Object.keys(tensors).map((name) => [name, map(name)]))
}
