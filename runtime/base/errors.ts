/** Who can mend an error: the caller, a peer, the machine, time, or us. */
export type ErrorCategory = 'user' | 'config' | 'peer' | 'platform' | 'timeout' | 'aborted' | 'internal'

/** What an {@link AividaError} is made from; `message` says what was expected, what came and what to do. */
export interface ErrorInit {
  /** `area.what`, such as `lease.expired`: what programs tell it by. */
  readonly code: string
  /** Who can mend it. */
  readonly category: ErrorCategory
  /** What was expected, what came, what to do. */
  readonly message: string
  /** Whether the same call may succeed later. Default: `false`. */
  readonly retryable?: boolean
  /** What it was made of; stays in this process. */
  readonly cause?: unknown
  /** Machine-readable facts about the failure; never a secret. */
  readonly facts?: Readonly<Record<string, unknown>>
}

/**
 * The one error class of the project. Told apart by `code` (`area.what`, for example `lease.expired`), not by
 * `instanceof`, because errors cross processes and package copies as data.
 */
export class AividaError extends Error {
  override readonly name = 'AividaError'
  readonly code: string
  readonly category: ErrorCategory
  readonly retryable: boolean
  readonly facts: Readonly<Record<string, unknown>>

  constructor(init: ErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = init.code
    this.category = init.category
    this.retryable = init.retryable ?? false
    this.facts = init.facts ?? {}
  }

  /** As it crosses to another process: without its cause and stack. */
  toJSON(): ErrorRecord {
    const { code, category, message, retryable, facts } = this
    return { code, category, message, retryable, facts }
  }
}

/** An error as it crosses a process border: what {@link AividaError.toJSON} gives. */
export interface ErrorRecord {
  readonly code: string
  readonly category: ErrorCategory
  readonly message: string
  readonly retryable: boolean
  readonly facts: Readonly<Record<string, unknown>>
}

/** Whether `error` is ours and carries this code (any code, when none is given). */
export function isAividaError(error: unknown, code?: string): error is AividaError {
  return (
    error instanceof Error &&
    error.name === 'AividaError' &&
    (code === undefined || (error as AividaError).code === code)
  )
}

/**
 * Our error as it is; anything else wrapped as `code`, category `internal`, with the original as its cause. What the
 * machine's owner can mend (a full disk, a folder that may not be written) is told as such, unless a `code` is given.
 */
export function toAividaError(error: unknown, code?: string): AividaError {
  if (isAividaError(error)) return error
  if (error instanceof Error && error.name === 'AbortError') return aborted(error.message, error)
  const message = error instanceof Error ? error.message : String(error)
  const machine =
    code === undefined ? MACHINE_ERRORS[(error as NodeJS.ErrnoException | undefined)?.code ?? ''] : undefined
  if (!machine)
    return new AividaError({ code: code ?? 'internal.unexpected', category: 'internal', message, cause: error })
  return new AividaError({
    code: machine.code,
    category: 'platform',
    message: `${message}; ${machine.remedy}`,
    cause: error,
  })
}

const FULL = { code: 'disk.full', remedy: 'free some space there or use another folder, then repeat' }
const FORBIDDEN = { code: 'system.forbidden', remedy: 'check whose it is and its permissions, or use another path' }
const TOO_MANY_FILES = { code: 'system.too-many-files', remedy: 'raise the limit of open files (ulimit -n)' }

/** What a system call failed of that the machine's owner can mend, by errno. */
const MACHINE_ERRORS: Readonly<Record<string, { readonly code: string; readonly remedy: string }>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: FORBIDDEN,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  ENOTDIR: { code: 'system.not-a-folder', remedy: 'use another path, or move that file away' },
  EMFILE: TOO_MANY_FILES,
  ENFILE: TOO_MANY_FILES,
}

/** An error that arrived as data, as a class again. */
export function fromRecord(record: ErrorRecord): AividaError {
  return new AividaError(record)
}

/** The caller asked for something that cannot be done as asked. */
export function userError(code: string, message: string, facts?: Readonly<Record<string, unknown>>): AividaError {
  return new AividaError({ code, category: 'user', message, ...(facts && { facts }) })
}

/** A peer broke the protocol: an event to record and act on, never an assertion. */
export function peerError(code: string, message: string, facts?: Readonly<Record<string, unknown>>): AividaError {
  return new AividaError({ code, category: 'peer', message, ...(facts && { facts }) })
}

/** The work was called off by its owner. */
export function aborted(message = 'the operation was aborted', cause?: unknown): AividaError {
  return new AividaError({ code: 'aborted', category: 'aborted', message, cause })
}

/** A deadline of ours passed. */
export function timedOut(what: string, limitMs: number): AividaError {
  return new AividaError({
    code: 'timeout',
    category: 'timeout',
    message: `${what} took longer than ${limitMs} ms`,
    retryable: true,
    facts: { limitMs },
  })
}

/** A broken promise of our own code; reaching it is a defect. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AividaError({ code: 'internal.invariant', category: 'internal', message: what })
}

/** Ends every switch over a closed union. */
export function assertNever(value: never): never {
  throw new AividaError({
    code: 'internal.unreachable',
    category: 'internal',
    message: `unexpected value ${JSON.stringify(value)}`,
  })
}
