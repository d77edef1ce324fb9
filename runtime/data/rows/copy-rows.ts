/** Where rows of equal size lie in some bytes. */
export interface RowPlace {
  readonly bytes: Uint8Array
  /** Of row 0. */
  readonly at: number
  /** From one row to the next: less than its size where rows overlap. */
  readonly strideBytes: number
}

/**
 * Copies rows, one after the other, to the beginning of `target`. Rows that lie side by side are copied as one, and
 * single elements without a view for each, which would cost more than the copy.
 */
export function copyRows(from: RowPlace, rowBytes: number, rows: ArrayLike<number>, target: Uint8Array): void {
  const { bytes, at, strideBytes } = from
  if (rowBytes === 1) {
    for (let i = 0; i < rows.length; i++) target[i] = bytes[at + rows[i]! * strideBytes]!
    return
  }
  const adjoin = strideBytes === rowBytes
  for (let i = 0; i < rows.length; ) {
    const first = rows[i]!
    let run = 1
    while (adjoin && i + run < rows.length && rows[i + run] === first + run) run++
    const start = at + first * strideBytes
    target.set(bytes.subarray(start, start + run * rowBytes), i * rowBytes)
    i += run
  }
}
