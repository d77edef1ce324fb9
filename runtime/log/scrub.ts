import { type Clock, sleep } from '../base/clock.ts'
import { isAividaError } from '../base/errors.ts'
import { limit } from '../base/limits.ts'
import type { Log } from './log.ts'

/** How a log is scrubbed. */
export interface ScrubOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** Read at most this fast. Default and maximum: `logScrubBytes`. */
  readonly bytesPerSecond?: number
}

/**
 * Reads a log once from its oldest entry to its tail, slowly, and checks all that can be checked: checksums, chain,
 * signatures. An opening looks at the last segment alone, so damage further back would show when it is needed.
 * Resolves with the bytes that were read; what is dropped meanwhile is left out.
 * Throws `log.corrupt`, `log.failed`, `log.closed`, `aborted`.
 */
export async function scrub(log: Log, options: ScrubOptions): Promise<number> {
  const { clock, signal } = options
  const most = limit('logScrubBytes')
  const bytesPerSecond = Math.min(options.bytesPerSecond ?? most, most)
  let [total, owed] = [0, 0]
  try {
    for await (const { frame } of log.groups(log.first, { signatures: true })) {
      total += frame.byteLength
      owed += frame.byteLength
      if (owed < bytesPerSecond / PAUSES_PER_SECOND) continue
      await sleep(clock, (owed / bytesPerSecond) * 1_000, signal)
      owed = 0
    }
  } catch (error) {
    if (!isAividaError(error, 'log.dropped')) throw error
  }
  return total
}

/** So often, so that the loop is never held for long: a signature takes a tenth of a millisecond to check. */
const PAUSES_PER_SECOND = 20
