import { limit } from '../../base/index.ts'

/** Half of what one append holds, since each entry takes a little more than its own bytes. */
const APPEND_BYTES = limit('logGroupBytes') / 2

/**
 * Entries that fell due together, in order, as several appends where one could not hold them: they do not build on each
 * other. An entry too large for any append stands alone, and the log says so.
 */
export function appendsOf(entries: readonly Uint8Array[]): Uint8Array[][] {
  const appends: Uint8Array[][] = []
  let room = 0
  for (const entry of entries) {
    const last = appends.at(-1)
    if (last && entry.byteLength <= room) last.push(entry)
    else {
      appends.push([entry])
      room = APPEND_BYTES
    }
    room -= entry.byteLength
  }
  return appends
}
