import { limit } from '../../base/index.ts'
import { keyedPermutation, type Permutation, type PermutationInit, permutation, roundKeys } from './permutation.ts'
import type { RowTable } from './row-table.ts'

/**
 * The order in which an epoch visits the rows of a table: a function of seed, epoch and the table's size alone, so that
 * every machine, and a run that is taken up again, goes on with the same rows.
 *
 * A table of up to `shuffleWindowBytes` is shuffled as a whole. A larger one is cut into blocks of `shuffleBlockBytes`;
 * as many of them as fill a window, from anywhere in the table, are shuffled together, then the next ones: what an epoch
 * reads at a time fits into memory, and comes from disk or network in blocks, each once. Where blocks begin is another
 * place in each epoch. Throws `rows.seed`.
 */
export function epochOrder(
  { length, storedBytes }: Pick<RowTable, 'length' | 'storedBytes'>,
  { seed, epoch }: Omit<PermutationInit, 'length'>,
): Permutation {
  const rowsIn = (bytes: number) => Math.max(1, Math.floor((length * bytes) / storedBytes))
  if (storedBytes <= limit('shuffleWindowBytes')) return permutation({ seed, epoch, length })
  const blockRows = rowsIn(limit('shuffleBlockBytes'))
  return blockwise(
    { seed, epoch, length },
    blockRows,
    Math.max(1, Math.floor(rowsIn(limit('shuffleWindowBytes')) / blockRows)),
  )
}

/** The numbers at places `from` to `to` of an order, as `RowTable.gather` takes them. */
export function placesOf(order: Permutation, from: number, to: number): Float64Array {
  const places = new Float64Array(to - from)
  for (let i = 0; i < places.length; i++) places[i] = order.at(from + i) // a plain loop: Float64Array.from takes twice as long
  return places
}

/**
 * Blocks of `blockRows` in random order, and the rows of each `windowBlocks` of them mixed. Rows too few for a block are
 * part of the last window; which ones they are changes with the epoch, since everything is moved on by some rows.
 */
export function blockwise(
  { seed, epoch, length }: PermutationInit,
  blockRows: number,
  windowBlocks: number,
): Permutation {
  const blocks = Math.floor(length / blockRows)
  const windowRows = windowBlocks * blockRows
  const lastWindow = Math.max(0, Math.ceil(blocks / windowBlocks) - 1)
  const blockOrder = keyedPermutation(roundKeys(seed, epoch, 'blocks'), blocks)
  const shift = Math.floor((roundKeys(seed, epoch, 'shift')[0]! / 2 ** 32) * length)
  let window = -1
  let inWindow = keyedPermutation(new Uint32Array(), 0)
  return {
    length,
    at(index) {
      const found = Math.min(lastWindow, Math.floor(index / windowRows))
      const firstRow = found * windowRows
      if (found !== window) {
        const rows = found === lastWindow ? length - firstRow : windowRows
        inWindow = keyedPermutation(roundKeys(seed, epoch, `window ${found}`), rows)
        window = found
      }
      const place = firstRow + inWindow.at(index - firstRow)
      const block = Math.floor(place / blockRows)
      const row = block < blocks ? blockOrder.at(block) * blockRows + (place % blockRows) : place
      return (row + shift) % length
    },
  }
}
