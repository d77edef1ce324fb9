import { type AividaError, type Clock, every, isAividaError, type Logger } from '../base/index.ts'
import { type Log, scrub } from '../log/index.ts'

/** A pass begins this long after the start of the one before; the first one waits as long. */
const EVERY_MS = 60 * 60_000

/** What scrubbing works on. */
export interface ScrubbingInit {
  readonly clock: Clock
  readonly logger: Logger
  /** The logs that are open now, by what they are to an operator. */
  readonly logs: () => ReadonlyMap<string, Log>
  /** Default: an hour. */
  readonly everyMs?: number
}

/** Logs are read again and again in the background, so that damage is known while there still is another copy. */
export interface Scrubbing {
  /** Damage that was found and is still there, by log. */
  readonly damage: ReadonlyMap<string, AividaError>
  /** Bytes read since the start. */
  readonly scrubbedBytes: number
  stop(): void
}

/** Starts scrubbing the open logs, one after the other. */
export function startScrubbing({ clock, logger, logs, everyMs = EVERY_MS }: ScrubbingInit): Scrubbing {
  const abort = new AbortController()
  const damage = new Map<string, AividaError>()
  let scrubbedBytes = 0
  let busy = false

  async function pass(): Promise<void> {
    if (busy) return // a pass that takes longer than the time between two is not joined by another
    busy = true
    try {
      await readAll()
    } finally {
      busy = false
    }
  }

  async function readAll(): Promise<void> {
    const open = logs()
    for (const name of [...damage.keys()]) if (!open.has(name)) damage.delete(name)
    for (const [name, log] of open) {
      try {
        scrubbedBytes += await scrub(log, { clock, signal: abort.signal })
        damage.delete(name)
      } catch (error) {
        if (abort.signal.aborted) return
        if (isAividaError(error, 'log.closed')) continue
        if (!isAividaError(error)) throw error
        const { code, message, facts } = error
        if (!damage.has(name)) logger.error({ log: name, code, message, ...facts }, 'a log is damaged')
        damage.set(name, error)
      }
    }
  }

  const stopTicking = every(clock, everyMs, () => {
    pass().catch((error) => logger.error({ error: String(error) }, 'scrubbing failed'))
  })
  return {
    damage,
    get scrubbedBytes() {
      return scrubbedBytes
    },
    stop() {
      stopTicking()
      abort.abort()
    },
  }
}
