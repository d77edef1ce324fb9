import { AividaError, toAividaError } from '../base/errors.ts'

type Facts = Readonly<Record<string, unknown>>

function platform(code: string, message: string, facts: Facts = {}, cause?: unknown, retryable = false): AividaError {
  return new AividaError({ code: `log.${code}`, category: 'platform', message, facts, cause, retryable })
}

/** `log.fenced`: a newer writer took the log over; what the refused append wanted is for that writer to say. */
export function fenced(epoch: number, current?: number): AividaError {
  const newer = current === undefined ? 'a newer one' : `epoch ${current}`
  const message = `epoch ${epoch} no longer writes this log: ${newer} took it over; stop and ask its holder`
  return platform('fenced', message, { epoch, current })
}

/** `log.in-use`: another live writer holds the log. */
export function inUse(dir: string, cause?: unknown): AividaError {
  const message = `${dir} is open in another writer; stop that one first, or use a directory of its own`
  return platform('in-use', message, { dir }, cause)
}

/** Where damage was found. */
export interface Damage {
  /** A file, or what stands for one. */
  readonly file: string
  /** The first entry that is damaged or missing. */
  readonly seq: number
  /** Where in the file, when it is one. */
  readonly byte?: number
  readonly found: string
}

/** `log.corrupt`: something that was durable is damaged or missing; nothing was changed. */
export function corrupt({ file, seq, byte, found }: Damage): AividaError {
  const where = byte === undefined ? '' : ` (byte ${byte})`
  const remedy = 'nothing was changed; restore it from a copy'
  return platform('corrupt', `${file}: ${found} at entry ${seq}${where}; ${remedy}`, {
    seq,
    file,
    ...(byte !== undefined && { byte }),
  })
}

/**
 * `log.rolled-back`: the log lacks an entry that is known to have been durable, or holds another in its place; nothing
 * was changed. `by` says who knows.
 */
export function rolledBack(
  log: string,
  tail: number,
  { seq, by }: { readonly seq: number; readonly by: string },
): AividaError {
  const lacks =
    tail < seq
      ? `ends with entry ${tail}, and entry ${seq} was durable once`
      : `holds another entry ${seq} than the one that was durable once`
  const remedy = `nothing was changed; restore a copy that reaches entry ${seq}, or go on from whoever has it`
  return platform('rolled-back', `${log} ${lacks} (known from ${by}); ${remedy}`, { tail, seen: seq, by })
}

/** `log.version`: written by a newer aivida. */
export function newerVersion(what: string, found: number, known: number): AividaError {
  const message = `${what} has format version ${found}, the newest known here is ${known}; update aivida`
  return platform('version', message, { found, known })
}

/** `log.dropped`: the reader asked for entries that were dropped after a snapshot. */
export function dropped(fromSeq: number, firstSeq: number): AividaError {
  return new AividaError({
    code: 'log.dropped',
    category: 'user',
    message: `entry ${fromSeq} was dropped, the oldest kept is ${firstSeq}; start from the last snapshot`,
    facts: { fromSeq, firstSeq },
  })
}

/** `log.closed`: the owner of the log closed it. */
export function closed(): AividaError {
  return new AividaError({ code: 'log.closed', category: 'aborted', message: 'the log was closed' })
}

/** `log.busy`: more waits for the disk than the queue may hold. */
export function busy(queuedBytes: number, maxBytes: number): AividaError {
  const message = `${queuedBytes} bytes wait for the disk, at most ${maxBytes} may; await ready() before the next append`
  return platform('busy', message, { queuedBytes, maxBytes }, undefined, true)
}

/** `log.size`: what the caller wants to store does not fit into one piece. */
export function wrongSize(what: string, found: number, maxBytes: number): AividaError {
  return new AividaError({
    code: 'log.size',
    category: 'user',
    message: `${what} takes ${found} bytes, at least one entry and at most ${maxBytes} bytes were expected`,
    facts: { found, maxBytes },
  })
}

/** `log.failed`: the disk broke a promise; whether the last appends are in the log is known after the next opening. */
export function failed(what: string, cause: unknown): AividaError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const remedy = 'the outcome of what was under way is unknown; mend the disk, open the log again and repeat'
  return platform('failed', `${what} failed (${why}); ${remedy}`, {}, cause)
}

/** `log.disk-full`: the append left no trace, and all that was acknowledged before is safe. */
export function diskFull(dir: string, cause: unknown): AividaError {
  const message = `no space left for ${dir}; nothing acknowledged is lost; free some space, then repeat`
  return platform('disk-full', message, { dir }, cause, true)
}

/** What an operation on the disk failed with, as one of the errors above. */
export function diskError(what: string, dir: string, cause: unknown): AividaError {
  if (cause instanceof AividaError) return toAividaError(cause)
  return isDiskFull(cause) ? diskFull(dir, cause) : failed(`${what} in ${dir}`, cause)
}

/** Whether the system said that space or quota is used up. */
export function isDiskFull(cause: unknown): boolean {
  return hasErrno(cause, 'ENOSPC') || hasErrno(cause, 'EDQUOT')
}

/** Whether the system failed with this errno name. */
export function hasErrno(cause: unknown, errno: string): boolean {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === errno
}
